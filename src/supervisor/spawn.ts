import { closeSync, existsSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import type { Launch } from '../model/protocol.ts'
import { messageOf, reasonOf } from './errno.ts'
import { openPipes, type OpenPipes, type PipePair } from './pipes.ts'

export interface Child {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Readable
  /** The end of the process itself (wait), whoever still holds its pipes open. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

/**
 * Starts a process in a session and group of its own. Never throws: a file that is still open for writing makes spawn
 * throw synchronously, a missing one makes it emit an error later, and both are the same sentence here. `pipes` are made
 * already; without them it gets pipes that end with us. `inGroup` calls what it
 * is given at once, in the control group where the child is to be.
 */
export async function spawnChild(
  launch: Launch,
  env: Readonly<Record<string, string>>,
  place: string,
  pipes: PipePair | null,
  inGroup: <T>(start: () => T) => T,
): Promise<Child | { readonly error: string }> {
  const [file, ...args] = commandLine(launch, place)
  if (file === undefined) return { error: `cannot start ${launch.source}: there is nothing to run` }
  let open: OpenPipes | null = null
  try {
    open = pipes && openPipes(pipes)
    const subprocess = inGroup(() =>
      execa(file, args, {
        cwd: launch.cwd,
        env,
        extendEnv: false,
        ...(launch.uid === null ? {} : { uid: launch.uid }),
        ...(launch.gid === null ? {} : { gid: launch.gid }),
        detached: true,
        stdin: 'ignore',
        // Any descriptor will do; execa's type lists those up to 9.
        stdout: (open?.theirs[0] as 3 | undefined) ?? 'pipe',
        stderr: (open?.theirs[1] as 3 | undefined) ?? 'pipe',
        encoding: 'buffer',
        buffer: false,
        // Of no effect for detached children, and nothing for SIGKILL: the process tree is ended by ourselves.
        cleanup: false,
        reject: false,
      }),
    )
    const { pid, nodeChildProcess } = subprocess
    if (pid === undefined) {
      const { cause } = await subprocess
      return { error: explain(launch, cause) }
    }
    const { stdout, stderr } = open ?? subprocess
    if (!stdout || !stderr) throw new Error('it has no pipes')
    const ended: Child['ended'] = new Promise((resolve) => {
      nodeChildProcess.once('exit', (code, signal) => resolve({ code, signal }))
    })
    const child = { pid, stdout, stderr, ended }
    for (const fd of open?.theirs ?? []) closeSync(fd)
    open = null
    return child
  } catch (error) {
    return { error: explain(launch, error) }
  } finally {
    if (open) drop(open)
  }
}

/** Nobody was started who could use them. */
function drop({ stdout, stderr, theirs }: OpenPipes): void {
  for (const fd of theirs) closeSync(fd)
  stdout.destroy()
  stderr.destroy()
}

/**
 * Node has no umask for one child, and setting our own around the spawn would hold for every file that another thread
 * makes meanwhile (and is refused in workers). A shell sets it and becomes the program: same PID, one exec more.
 */
function commandLine(launch: Launch, place: string): readonly string[] {
  const argv = [launch.file, ...launch.args].map((word) => word.replaceAll(/\{(?:port|socket)\}/g, () => place))
  if (launch.umask === null) return argv
  return ['/bin/sh', '-c', 'umask "$0" && exec "$@"', launch.umask.toString(8).padStart(3, '0'), ...argv]
}

function explain(launch: Launch, error: unknown): string {
  return `cannot start ${launch.source}: ${clause(launch, error)}`
}

function clause(launch: Launch, error: unknown): string {
  const code = reasonOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    // The same ENOENT stands for three different things.
    if (!existsSync(launch.cwd)) return `its working folder ${launch.cwd} does not exist`
    if (!launch.file.includes('/')) return `${launch.file} was not found in PATH`
    if (existsSync(launch.file)) return 'the interpreter or loader it asks for does not exist'
    return `${launch.file} does not exist`
  }
  if (code === 'EPERM' && (launch.uid !== null || launch.gid !== null)) {
    return `running as uid ${launch.uid ?? 'unchanged'}, gid ${launch.gid ?? 'unchanged'} needs a gateway that runs as root`
  }
  return messageOf(error)
}
