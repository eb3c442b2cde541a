import { getSystemErrorMap } from 'node:util'

/** What a system error says in words that help; the code stays in parentheses so that it can be searched for. */
const sentences: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAGAIN: 'the system has no room for another process (RLIMIT_NPROC or the PID limit); raise `ulimit -u`',
  EMFILE: 'the gateway has too many open files; raise `ulimit -n`',
  ENFILE: 'the system has too many open files',
  ENOENT: 'no such file',
  EADDRNOTAVAIL: 'the machine has no free outgoing port',
  ENOBUFS: 'the system has no room for another socket',
  ENOEXEC: 'it is not a program of this machine and has no `#!` line',
  ENOMEM: 'out of memory',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links lead in a circle',
  E2BIG: 'its arguments and environment are too long',
  EPERM: 'not permitted',
  ETXTBSY: 'it is still open for writing',
}

/** Codes that speak of us or of the machine, not of whoever was asked. */
const ours: ReadonlySet<string | null> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])

/** Whether an attempt failed for want of something of ours: it says nothing about the other side. */
export function isOurs(error: unknown): boolean {
  return ours.has(reasonOf(error))
}

/** The code of a system error (`ENOENT`), or null. */
export function reasonOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  // Node gives errors of libuv's that it has no name for only by their number.
  if (code === 'ERR_SYSTEM_ERROR' && error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return getSystemErrorMap().get(-Math.abs(error.errno))?.[0] ?? code
  }
  if (typeof code === 'string') return code
  return error instanceof Error && error.cause !== undefined ? reasonOf(error.cause) : null
}

/** A clause: `permission denied (EACCES)`. */
export function messageOf(error: unknown): string {
  const code = reasonOf(error)
  const sentence = code === null ? undefined : sentences[code]
  if (sentence !== undefined) return `${sentence} (${code})`
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.message) : String(error)
}
