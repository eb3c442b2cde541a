import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Whether somebody started us with `nohup`. The kernel cannot be asked: Node puts every signal but SIGPIPE and SIGXFSZ
 * back to its default before any of our code runs (measured on Node 20 and 26: SigIgn of /proc/self/status has lost HUP).
 * So it is told by what nohup leaves behind: shells name the program they start in `_`, which nohup hands on, and GNU
 * nohup puts /dev/null in the place of a terminal on stdin, opened for writing only, which nobody else does.
 */
export function isUnderNohup(env: Readonly<Record<string, string | undefined>>, stdin: () => Stdin | null): boolean {
  if (/(^|\/)nohup$/.test(env['_'] ?? '')) return true
  const found = stdin()
  return found !== null && found.path === '/dev/null' && (found.flags & 0o3) === 0o1
}

export interface Stdin {
  readonly path: string
  /** As of open(2). */
  readonly flags: number
}

/** What is on our stdin; null where there is no /proc. */
export function lookAtStdin(): Stdin | null {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0'
    return { path: readlinkSync('/proc/self/fd/0'), flags: Number.parseInt(flags, 8) }
  } catch {
    return null
  }
}
