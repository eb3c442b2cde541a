import { execFile } from 'node:child_process'
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isOurs } from './errno.ts'

/** A listening TCP socket. */
export interface Listening {
  /** Dotted or RFC 5952-like text; `0.0.0.0` and `::` are the wildcards. */
  readonly host: string
  readonly port: number
  /** The kernel's number of the socket, unique while it is open; null where the system does not tell (lsof). */
  readonly inode: number | null
}

/** A listening socket and who holds it open. */
export interface Owned extends Listening {
  readonly pid: number
  /** /proc/PID/fd/N: still the same socket for as long as this link reads `socket:[inode]`. */
  readonly link: string | null
}

const linux = process.platform === 'linux'

/** Every listening TCP socket of this machine (network namespace), or null where only lsof could tell. */
function allListeners(): readonly Listening[] | null {
  if (!linux) return null
  return [...parseTcp(readListening('/proc/net/tcp')), ...parseTcp(readListening('/proc/net/tcp6'))]
}

/**
 * The sockets that listen on the very IPv4 address, read now; empty where there is none, null where only lsof could tell.
 * Nobody else answers a connection to it: the kernel prefers them to every wildcard and to IPv6 sockets that take IPv4
 * (compute_score in net/ipv4/inet_hashtables.c). It spares the list of IPv6, for which the kernel walks a table of up to
 * half a million places when nearly all connections are IPv4: 4 ms, measured.
 */
export function exactListeners(host: string, port: number): readonly Listening[] | null {
  if (!linux) return null
  if (host.includes(':')) return []
  return parseTcp(readListening('/proc/net/tcp')).filter((one) => one.host === host && one.port === port)
}

/** How long a question may wait for others to be asked with it (milliseconds). */
const gather = 2

let soon: Promise<readonly Listening[] | null> | null = null
let reading: Promise<unknown> = Promise.resolve()

/**
 * As `allListeners`, read after the call and shared by all who ask in the same moment: the kernel takes up to 5 ms for
 * its list, and a fleet that starts asks for it from every side. One list at a time is read, beside the event loop.
 */
export function listenersSoon(): Promise<readonly Listening[] | null> {
  if (!linux) return Promise.resolve(null)
  soon ??= Promise.all([delay(gather), reading]).then(() => {
    soon = null
    const all = listenersBeside()
    reading = all.catch(() => undefined)
    return all
  })
  return soon
}

async function listenersBeside(): Promise<readonly Listening[]> {
  const old = parseTcp(await readListeningBeside('/proc/net/tcp'))
  return [...old, ...parseTcp(await readListeningBeside('/proc/net/tcp6'))]
}

/**
 * Which of the `known` sockets the processes hold open. Without `known` ones: every listening socket of theirs. Processes are looked
 * through in the order given and the search ends with the last socket found.
 */
export async function ownedListeners(
  pids: readonly number[],
  known?: readonly Listening[] | null,
): Promise<readonly Owned[]> {
  if (pids.length === 0) return []
  const sockets = known === undefined ? await listenersSoon() : known
  if (sockets === null) return lsof(pids)
  const wanted = new Map(sockets.map((socket) => [socket.inode, socket]))
  const owned: Owned[] = []
  let links = 0
  for (const pid of pids) {
    for (const fd of listFolder(`/proc/${pid}/fd`)) {
      if (wanted.size === 0) return owned
      // A process may have a hundred thousand descriptors: some 2 µs each, so give way now and then.
      if (++links % 500 === 0) await nextTurn()
      const link = `/proc/${pid}/fd/${fd}`
      const inode = socketInode(link)
      const socket = inode === null ? undefined : wanted.get(inode)
      if (!socket) continue
      owned.push({ ...socket, pid, link })
      wanted.delete(inode)
    }
  }
  return owned
}

/** Whether a socket found earlier is still held by the same process: one readlink. Null where that cannot be told. */
export function isStillHeld(owned: Owned): boolean | null {
  if (owned.link === null) return null
  return socketInode(owned.link) === owned.inode
}

/**
 * /proc/net/tcp and tcp6: `sl local_address rem_address st … inode`, addresses in hexadecimal, each 32-bit word in the
 * byte order of the machine (little endian on all that Node runs on but s390x). State 0A is LISTEN.
 */
export function parseTcp(text: string): readonly Listening[] {
  const found: Listening[] = []
  for (const line of text.split('\n')) {
    // Most lines are connections; a cheap look spares them the careful one.
    if (!line.includes(' 0A ')) continue
    const fields = line.trim().split(/\s+/)
    const [address, port] = (fields[1] ?? '').split(':')
    if (fields[3] !== '0A' || !address || !port || !/^\d+$/.test(fields[9] ?? '')) continue
    const host = parseAddress(address)
    if (host) found.push({ host, port: Number.parseInt(port, 16), inode: Number(fields[9]) })
  }
  return found
}

/** `lsof -F pn`: lines `p<pid>` and `n<address>:<port>`; `*` is the wildcard of either family (told by `t`). */
export function parseLsof(text: string): readonly Owned[] {
  const found: Owned[] = []
  let pid = 0
  let family = 'IPv4'
  for (const line of text.split('\n')) {
    const value = line.slice(1)
    if (line.startsWith('p')) pid = Number(value)
    else if (line.startsWith('t')) family = value
    else if (line.startsWith('n')) {
      const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(value)
      if (!match) continue
      const text = match[1] ?? match[2] ?? ''
      const host = text === '*' ? (family === 'IPv6' ? '::' : '0.0.0.0') : text
      found.push({ host, port: Number(match[3]), inode: null, pid, link: null })
    }
  }
  return found
}

/** How many connections wait to be accepted on a listening socket, by its number; null when it is not to be seen. */
export function acceptQueue(inode: number): number | null {
  if (!linux) return null
  for (const path of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readListening(path).split('\n')) {
      if (!line.includes(` ${inode} `)) continue
      // tx_queue:rx_queue; for a listener the second is the length of its accept queue.
      const fields = line.trim().split(/\s+/)
      if (fields[3] === '0A' && Number(fields[9]) === inode) return Number.parseInt(fields[4]?.split(':')[1] ?? '', 16)
    }
  }
  return null
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function parseAddress(hex: string): string | null {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(hex)) return null
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)),
  )
  if (bytes.length === 4) return bytes.join('.')
  // IPv4-mapped (RFC 4291 section 2.5.5.2) is the same address to whoever connects.
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  if (mapped) return bytes.slice(12).join('.')
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16))
  return groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')
}

/**
 * The kernel lists listening sockets first, then the others, of which a busy gateway has tens of thousands: reading ends
 * at the first of those. It begins with little, because the kernel searches its large table of them until the buffer is full.
 */
function readListening(path: string): string {
  let text = ''
  try {
    const file = openSync(path, 'r')
    try {
      let buffer = Buffer.allocUnsafe(1_024)
      for (let size = readSync(file, buffer); size > 0; size = readSync(file, buffer)) {
        text += buffer.toString('latin1', 0, size)
        if (isPast(text)) break
        if (buffer.length < 64 * 1_024) buffer = Buffer.allocUnsafe(2 * buffer.length)
      }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    // Else there is no tcp6, on a machine without IPv6.
    if (isOurs(error)) throw error
  }
  return text
}

async function readListeningBeside(path: string): Promise<string> {
  let text = ''
  try {
    await using file = await open(path)
    for (let length = 1_024; ; length = Math.min(64 * 1_024, 2 * length)) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length)
      text += buffer.toString('latin1', 0, bytesRead)
      if (bytesRead === 0 || isPast(text)) break
    }
  } catch (error) {
    if (isOurs(error)) throw error
  }
  return text
}

/** Whether the last whole line is of no listening socket; the first of all is the heading. */
function isPast(text: string): boolean {
  const end = text.lastIndexOf('\n')
  const begin = text.lastIndexOf('\n', end - 1)
  return begin !== -1 && !text.slice(begin, end).includes(' 0A ')
}

function listFolder(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (isOurs(error)) throw error
    return []
  }
}

function socketInode(link: string): number | null {
  try {
    const target = readlinkSync(link)
    return target.startsWith('socket:[') ? Number(target.slice(8, -1)) : null
  } catch {
    return null
  }
}

async function lsof(pids: readonly number[]): Promise<readonly Owned[]> {
  try {
    const args = ['-nP', '-a', '-iTCP', '-sTCP:LISTEN', '-p', pids.join(','), '-F', 'ptn']
    const { stdout } = await promisify(execFile)('lsof', args, { timeout: 2_000, maxBuffer: 4 * 1024 * 1024 })
    return parseLsof(stdout)
  } catch (error) {
    // lsof exits 1 when it finds nothing, or when one of the processes has ended; what it found is still printed.
    return error instanceof Error && 'stdout' in error && typeof error.stdout === 'string'
      ? parseLsof(error.stdout)
      : []
  }
}

/** Somebody listens where only our child, which is gone, was to listen. */
export function isOccupied(port: number): boolean {
  try {
    const all = allListeners() ?? []
    return all.some((one) => one.port === port && (one.host === '127.0.0.1' || isWildcard(one.host)))
  } catch {
    return false
  }
}
