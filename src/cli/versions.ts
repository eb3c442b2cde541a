import type { KeptVersion } from '../admin/control.ts'
import { plainText } from '../observe/plain-text.ts'
import { ask } from './client.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** The kept versions of an app, the newest first. */
export async function runVersions(app: string, options: GlobalOptions & { readonly json: boolean }): Promise<number> {
  const path = `/apps/${encodeURIComponent(app)}/versions`
  const versions = await ask<readonly KeptVersion[]>(await findState(options), 'GET', path)
  process.stdout.write(options.json ? `${JSON.stringify(versions, null, 2)}\n` : table(app, versions))
  return 0
}

export async function runRollback(app: string, to: string | undefined, options: GlobalOptions): Promise<number> {
  const query = to === undefined ? '' : `?to=${encodeURIComponent(to)}`
  const path = `/apps/${encodeURIComponent(app)}/rollback${query}`
  const outcome = await ask<{ app: string; state: string }>(await findState(options), 'POST', path)
  process.stdout.write(`${outcome.app} is ${outcome.state}.\n`)
  return 0
}

function table(app: string, versions: readonly KeptVersion[]): string {
  if (versions.length === 0) return `No versions of ${app} are kept: only apps that are a single file have them.\n`
  const line = (...[version, state, size, seen, reason]: readonly [string, string, string, string, string]): string => {
    return `${version.padEnd(12)}  ${state.padEnd(8)}  ${size.padStart(9)}  ${seen.padEnd(24)}  ${reason}`.trimEnd()
  }
  const rows = versions.map(({ version, state, size, seen, reason, next }) => {
    const remark = [...(next ? ['rollback takes it'] : []), ...(reason === null ? [] : [plainText(reason, false)])]
    return line(version, state, String(size), seen, remark.join('; '))
  })
  return `${[line('VERSION', 'STATE', 'BYTES', 'FIRST SEEN', ''), ...rows].join('\n')}\n`
}
