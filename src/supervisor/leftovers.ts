import { createHash } from 'node:crypto'
import { lstat, readdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { digestOf } from './digest.ts'

/** Of every hidden file that we put into `apps/`. */
export const prefix = '.quay-'

/** Part of a copy's name, with the state folder in it, so that two gateways over one `apps/` never delete each other's. */
export function tagOf(stateDir: string, digest: string): string {
  return createHash('sha256').update(`${stateDir}\0${digest}`).digest('hex').slice(0, 8)
}

/** A hidden copy proves by its name whose it is: the name is made of the content and the state folder. */
export async function isOurs(file: string, stateDir: string): Promise<boolean> {
  const name = path.basename(file).slice(prefix.length)
  if (name.startsWith(`new-${tagOf(stateDir, '')}-`)) return true
  try {
    return (await stat(file)).isFile() && name.startsWith(`${tagOf(stateDir, await digestOf(file))}-`)
  } catch {
    return false
  }
}

/** Removes what a gateway left which was killed: copies, except what is `inherited`, and files that it had begun to write. */
export async function removeLeftovers(
  { appsDir, stateDir }: { readonly appsDir: string; readonly stateDir: string },
  inherited: ReadonlySet<string>,
): Promise<void> {
  const home = path.join(stateDir, 'versions')
  for (const it of await readdir(home, { recursive: true, withFileTypes: true }).catch(() => [])) {
    const file = path.join(it.parentPath, it.name)
    if (!it.isDirectory() && !inherited.has(file)) await rm(file, { force: true }).catch(() => undefined)
  }
  if (inherited.size === 0) await rm(home, { recursive: true, force: true }).catch(() => undefined)
  // A link may lead into a folder of apps/, and the copy then lies beside what it leads to.
  const folders = [appsDir]
  for (const it of await readdir(appsDir, { withFileTypes: true }).catch(() => [])) {
    if (it.isDirectory()) folders.push(path.join(appsDir, it.name))
  }
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const file = path.join(folder, name)
      if (!name.startsWith(prefix) || inherited.has(file)) continue
      if ((await isOurs(file, stateDir)) || (await isAbandoned(file))) {
        await rm(file, { force: true }).catch(() => undefined)
      }
    }
  }
}

/** So long (milliseconds) nobody pauses who still writes one, here or in another gateway over the same `apps/`. */
const patience = 600_000

/** Whether it was to become a deployed file or a note, and whoever wrote it was killed. */
async function isAbandoned(file: string): Promise<boolean> {
  if (!/^\.quay-(deploy|note)-[0-9a-f]{12}$/.test(path.basename(file))) return false
  const stats = await lstat(file).catch(() => null)
  return stats !== null && stats.isFile() && Date.now() - stats.mtimeMs > patience
}
