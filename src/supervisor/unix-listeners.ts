import { readProc } from '../lib/proc.ts'
import { ownedListeners, type Listening, type Owned } from './listeners.ts'

/**
 * The listening socket at `path` that one of the processes holds; null when there is none. Where the system does not
 * tell (no /proc) it is the first one's: the socket lies in a folder that nobody else can write to.
 */
export async function ownedSocket(pids: readonly number[], path: string): Promise<Owned | null> {
  if (process.platform !== 'linux') return { host: '', port: 0, inode: null, pid: pids[0] ?? 0, link: null }
  const [owned] = await ownedListeners(pids, parseUnix(readProc('/proc/net/unix'), path))
  return owned ?? null
}

/** /proc/net/unix: `Num RefCount Protocol Flags Type St Inode Path`. Flag 10000 is a listener (SO_ACCEPTCON). */
export function parseUnix(text: string, path: string): readonly Listening[] {
  const found: Listening[] = []
  for (const line of text.split('\n')) {
    if (!line.endsWith(` ${path}`)) continue
    const [, , , flags = '', , , inode = '', ...rest] = line.trim().split(/ +/)
    if (rest.join(' ') === path && (Number.parseInt(flags, 16) & 0x10000) !== 0)
      found.push({ host: '', port: 0, inode: Number(inode) })
  }
  return found
}
