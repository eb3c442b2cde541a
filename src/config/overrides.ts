import { resolve } from 'node:path'
import type { Problem } from './problem.ts'

/** What the command line decides over the file. Paths are relative to the folder the command was typed in. */
export interface Overrides {
  readonly apps?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly adminPort?: number | undefined
  readonly state?: string | undefined
  readonly workers?: number | 'auto' | undefined
}

/**
 * Puts overrides in the places of the fields they overrule, so that they are checked like these. `restore` gives the
 * problems about them back to the command line, which has no lines.
 */
export function applyOverrides(
  value: unknown,
  overrides: Overrides,
  cwd: string,
): { raw: unknown; restore: (problems: readonly Problem[]) => Problem[] } {
  let raw = value
  const flags = new Map<string, string>()
  for (const { name, flag, path, isPath } of places) {
    const given = overrides[name]
    if (given === undefined) continue
    raw = replaced(raw, path, isPath && given !== '' ? resolve(cwd, String(given)) : given)
    flags.set(path.join('.'), flag)
  }
  const restore = (problems: readonly Problem[]): Problem[] => {
    return problems.map((problem) => {
      const flag = flags.get(problem.path)
      return flag === undefined ? problem : { ...problem, file: null, line: null, path: flag }
    })
  }
  return { raw, restore }
}

const places: readonly { name: keyof Overrides; flag: string; path: readonly string[]; isPath: boolean }[] = [
  { name: 'apps', flag: '--apps', path: ['appsDir'], isPath: true },
  { name: 'host', flag: '--host', path: ['listen', 'host'], isPath: false },
  { name: 'port', flag: '--port', path: ['listen', 'port'], isPath: false },
  { name: 'adminPort', flag: '--admin-port', path: ['admin', 'port'], isPath: false },
  { name: 'state', flag: '--state', path: ['stateDir'], isPath: true },
  { name: 'workers', flag: '--workers', path: ['workers'], isPath: false },
]

/** A copy with one field replaced; where the file has something else than an object, that is its own problem. */
function replaced(value: unknown, [key, ...rest]: readonly string[], field: unknown): unknown {
  if (key === undefined) return field
  if (value === undefined) return { [key]: replaced(undefined, rest, field) }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return { ...value, [key]: replaced((value as Record<string, unknown>)[key], rest, field) }
}
