import type { Inherited, UpOptions } from '../lib/running.ts'
import { wantsColor } from '../observe/color.ts'
import { recordCrash } from './crash-record.ts'
import { inherit, readInheritance } from './inherit.ts'
import { fail } from './fail.ts'
import type { GlobalOptions } from './global-options.ts'
import { isUnderNohup, lookAtStdin } from './hangup.ts'
import { liveUntilStopped, type Lifetime } from './lifetime.ts'
import { refuseExit } from './refuse-exit.ts'

export interface UpArguments extends GlobalOptions {
  readonly apps?: string
  readonly host?: string
  readonly port?: number
  readonly adminPort?: number
  readonly workers?: number | 'auto'
  readonly json: boolean
}

/** Runs the gateway until it is stopped and resolves with the exit code. */
export async function runUp(args: UpArguments): Promise<number> {
  const heedsHangup = !isUnderNohup(process.env, lookAtStdin)
  const parent = parentOf(process.env, heedsHangup)
  // Said to us alone: not to what the configuration runs, either.
  delete process.env['QUAYMASTER_LAUNCHER']
  const inherited = readInheritance(process.env)
  const exit = process.exit.bind(process)
  return await liveWithoutExit({
    start: async (guarded) => {
      const { up } = await import('../main.ts')
      if (inherited === null) return up(upOptions(args, guarded))
      return await inherit(upOptions(args, guarded, inherited), up)
    },
    process,
    say: (line) => void process.stderr.write(`${line}\n`),
    fail,
    die: (error, folder, code) => {
      recordCrash(folder, error)
      exit(code)
    },
    parent,
    heedsHangup,
  })
}

async function liveWithoutExit(lifetime: Lifetime): Promise<number> {
  using _ = refuseExit()
  return await liveUntilStopped(lifetime)
}

/** The small launcher that stands before us on an older Node, else npm; who says nohup wants to outlive npm's terminal. */
function parentOf(env: NodeJS.ProcessEnv, heedsHangup: boolean): number | null {
  if (env['QUAYMASTER_LAUNCHER'] !== undefined) return Number(env['QUAYMASTER_LAUNCHER'])
  return heedsHangup && env['npm_lifecycle_event'] !== undefined ? process.ppid : null
}

export function upOptions(
  { config, state, color, ...args }: UpArguments,
  guarded: (folder: string) => void,
  inherited: Inherited | null = null,
): UpOptions {
  return {
    cwd: process.cwd(),
    ...(config === undefined ? {} : { config }),
    ...(state === undefined ? {} : { stateDir: state }),
    ...args,
    color: wantsColor({ env: process.env, isTTY: process.stdout.isTTY, wanted: color }),
    guard: process.argv[1] === undefined ? null : [process.execPath, process.argv[1], 'guard'],
    again: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    inherited,
    guarded,
    startedAt: performance.timeOrigin,
  }
}
