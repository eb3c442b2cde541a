import { createHash } from 'node:crypto'
import path from 'node:path'
import type { Launch } from '../model/protocol.ts'
import type { AppSettings } from '../model/settings.ts'

/** What is run, before the settings have had their say. */
export interface Program {
  readonly argv: readonly string[]
  /** Digest over what was dropped into `apps/`; empty for a command that has no file there. */
  readonly content: string
  /** The working folder unless the settings name another. */
  readonly cwd: string
  readonly source: string
}

/** Two launches have the same version exactly when a process started from either would be the same. */
export function launchOf(program: Program, settings: AppSettings): Launch {
  const [file = '', ...leading] = program.argv
  const cwd = settings.cwd ?? program.cwd
  const { env, envFiles, uid, gid, umask, route, listen } = settings
  // The path is told to the process as BASE_PATH and PUBLIC_URL.
  const told = [sorted(env), envFiles, route.path]
  const shape = [program.content, settings.command, settings.args, cwd, ...told, uid, gid, umask, listen]
  return {
    version: createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 12),
    file: file.includes('/') ? path.resolve(program.cwd, file) : file,
    args: [...leading, ...settings.args],
    cwd,
    source: program.source,
    env,
    envFiles,
    uid,
    gid,
    umask,
    listen,
  }
}

function sorted(env: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
}
