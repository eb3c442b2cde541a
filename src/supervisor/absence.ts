import { stat } from 'node:fs/promises'
import { StartError } from '../lib/start-error.ts'
import { shown } from './display.ts'
import { messageOf, reasonOf } from './errno.ts'

/** Why the watched folder cannot be looked at, or null. Rejects when it is something else than a folder. */
export async function findAbsence(appsDir: string): Promise<unknown> {
  const found = await stat(appsDir).catch((error: unknown) => ({ error }))
  if ('error' in found) return found.error
  if (found.isDirectory()) return null
  const what = found.isFile() ? 'a file' : 'not a folder'
  const hint = 'Name another with --apps DIR or appsDir.'
  throw new StartError(`${shown(appsDir)} is ${what}; apps must be a folder. ${hint}`, 2)
}

/** Why the watched folder cannot be read, in words; `seen` says whether it ever could. */
export function absenceOf(error: unknown, seen: boolean): { readonly level: 'info' | 'warn'; readonly fault: string } {
  if (reasonOf(error) !== 'ENOENT') return { level: 'warn', fault: messageOf(error) }
  return seen
    ? { level: 'warn', fault: 'it was removed or moved away; its apps end, and come back with it' }
    : { level: 'info', fault: 'it does not exist yet; create it and drop an executable into it' }
}
