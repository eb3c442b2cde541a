import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { checkWhole, warningsOf } from './checks.ts'
import { completeConfig, type Config } from './complete.ts'
import { fromIssue, show } from './finding.ts'
import { importFresh } from './import.ts'
import { parseJson } from './json.ts'
import { withoutSchemaKey } from './manifest.ts'
import { applyOverrides, type Overrides } from './overrides.ts'
import { fileProblem, toProblems, type Problem } from './problem.ts'
import { fileSchema } from './schema.ts'

export interface LoadOptions {
  /** Where the configuration is looked for, and what a path on the command line is relative to. */
  readonly cwd: string
  /** As given on the command line; without it `gateway.config.{ts,mts,js,mjs,json}` in `cwd`, or none at all. */
  readonly file?: string | undefined
  readonly overrides?: Overrides | undefined
  /** How long the file may take to load, in milliseconds. Default 10 s: only a top-level await takes long. */
  readonly deadline?: number | undefined
}

export type Loaded =
  | {
      readonly ok: true
      readonly config: Config
      /** Files whose change, creation or removal may make a difference; some need not exist. Absolute. */
      readonly watch: readonly string[]
      readonly warnings: readonly string[]
    }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly watch: readonly string[] }

/**
 * Finds, reads and checks the configuration, anew at every call. Never rejects for what stands in a file: all that is
 * wrong comes back at once, as problems.
 */
export async function loadConfig({ cwd, file, overrides = {}, deadline = 10_000 }: LoadOptions): Promise<Loaded> {
  const candidates = names.map((name) => join(cwd, name))
  const present = candidates.filter((candidate) => existsSync(candidate))
  const chosen = file === undefined ? present[0] : resolve(cwd, file)
  const source = chosen === undefined ? nothing : await read(chosen, deadline)
  // A file that appears later, or that would be preferred, is seen by its name.
  const watch = [...new Set([...source.files, ...(file === undefined ? candidates : [])])]
  if (!source.ok) return { ok: false, problems: [source.problem], watch }

  const { raw, restore } = applyOverrides(source.value, overrides, cwd)
  const parsed = fileSchema.safeParse(raw, { reportInput: true })
  const findings = [...(parsed.success ? [] : parsed.error.issues.map(fromIssue)), ...checkWhole(raw)]
  if (!parsed.success || findings.length > 0) {
    return { ok: false, problems: restore(toProblems(findings, chosen ?? null, source.text)), watch }
  }
  const config = completeConfig(parsed.data, chosen ?? null, chosen === undefined ? resolve(cwd) : dirname(chosen))
  const ignored = file === undefined ? present.slice(1).map((other) => basename(other)) : []
  const double = ignored.map((other) => `${other} is ignored, because ${basename(chosen ?? '')} is there too.`)
  return { ok: true, config, watch, warnings: [...double, ...warningsOf(config)] }
}

const names = ['ts', 'mts', 'js', 'mjs', 'json'].map((extension) => `gateway.config.${extension}`)

type Source =
  | { readonly ok: true; readonly value: unknown; readonly text: string | null; readonly files: readonly string[] }
  | { readonly ok: false; readonly problem: Problem; readonly files: readonly string[] }

const nothing: Source = { ok: true, value: {}, text: null, files: [] }

async function read(file: string, deadline: number): Promise<Source> {
  const failed = (message: string, files: readonly string[] = [file]): Source => {
    return { ok: false, problem: fileProblem(file, null, message), files }
  }
  const extension = extname(file)
  if (!existsSync(file)) return failed('does not exist')
  if (!/^\.(?:[mc]?[jt]s|json)$/.test(extension)) {
    return failed(`cannot be a configuration: its name must end with .ts, .mts, .js, .mjs or .json`)
  }
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    return failed(`cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const evaluated = extension === '.json' ? readJson(text, file) : await importFresh(file, deadline)
  if (!evaluated.ok) {
    const problem = fileProblem(evaluated.file, evaluated.line, evaluated.message)
    return { ok: false, problem, files: evaluated.files }
  }
  const { value, files } = evaluated
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return failed(`must give an object with the configuration, but gives ${show(value)}`, files)
  }
  return { ok: true, value, text, files }
}

function readJson(text: string, file: string): Awaited<ReturnType<typeof importFresh>> {
  const json = parseJson(text)
  if (json.ok) return { ok: true, value: withoutSchemaKey(json.value), files: [file] }
  return { ok: false, file, line: json.line, message: `is not JSON: it ${json.reason}`, files: [file] }
}
