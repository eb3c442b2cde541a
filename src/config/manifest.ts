import type { UserAppConfig } from './config.ts'
import { finding, fromIssue } from './finding.ts'
import { parseJson } from './json.ts'
import { fileProblem, toProblems, type Problem } from './problem.ts'
import { appSchema } from './schema.ts'

export type Manifest =
  | { readonly ok: true; readonly manifest: UserAppConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Reads the text of an `app.json`: the fields of an entry of `apps`, except `target`. `file` is its absolute path. */
export function parseManifest(text: string, file: string): Manifest {
  const json = parseJson(text)
  if (!json.ok) return { ok: false, problems: [fileProblem(file, json.line, `is not JSON: it ${json.reason}`)] }
  const raw = withoutSchemaKey(json.value)
  const parsed = appSchema.safeParse(raw, { reportInput: true })
  const findings = parsed.success ? [] : parsed.error.issues.map(fromIssue)
  if (parsed.success && parsed.data.target !== undefined) {
    findings.push(finding(['target'], 'belongs into gateway.config, an app that lies in a folder is run'))
  }
  if (findings.length > 0) return { ok: false, problems: toProblems(findings, file, text) }
  return { ok: true, manifest: raw as UserAppConfig }
}

/** `$schema` is what editors read. */
export function withoutSchemaKey(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== '$schema'))
}
