import { createHash } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
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

/** Removes the copies that a gateway left which was killed, except what is `inherited`. */
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
      if (name.startsWith(prefix) && !inherited.has(file) && (await isOurs(file, stateDir))) {
        await rm(file, { force: true }).catch(() => undefined)
      }
    }
  }
}
