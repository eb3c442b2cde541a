import type { Address, Effect, ProbeResult, Traffic } from '../model/protocol.ts'
import {
  exactListeners,
  isStillHeld,
  isWildcard,
  listenersSoon,
  ownedListeners,
  type Listening,
  type Owned,
} from './listeners.ts'
import { ownedSocket } from './unix-listeners.ts'
import { isOurs, messageOf } from './errno.ts'
import { get, refused, speaksHttp, tryConnect } from './reach.ts'
import { describeVitals, isStopped } from './vitals.ts'

type ProbeEffect = Extract<Effect, { type: 'probe' }>

/** What a probe has to know of the run it looks at, and what it remembers from one look to the next. */
export interface Subject {
  readonly pid: number
  readonly port: number
  /** The path of the Unix socket it was given instead of a port. */
  readonly socket: string | null
  /** Milliseconds since the spawn. */
  age(): number
  /** PIDs of the whole process tree, the root first. */
  members(): Promise<readonly number[]>
  /** What the gateway has to say about its requests. */
  traffic(): Traffic
  /** The listener found to be ours, so that a later look costs one readlink. */
  proof: Proof | null
  /** Listeners elsewhere than asked, seen by the last look for them. */
  strays: { readonly at: number; readonly keys: ReadonlySet<string> }
}

export interface Proof {
  readonly address: Address
  readonly owned: Owned
}

/**
 * An app may take its time to bind; before this age (milliseconds) nobody looks for it on other ports: most interpreters
 * need 50 to 200 ms to get there, and a look through all of its tree costs as much as ten probes.
 */
const firstSearch = 250

/** A stopped process answers nothing; it is asked all the same, in case another one of its tree does (milliseconds). */
const stoppedPatience = 500

/**
 * Looks at an instance once: does somebody accept on its address, is that somebody a member of its process tree (traffic
 * goes nowhere else), and does it answer as it should? A readiness probe that is refused also looks where else the tree
 * listens. Rejects when it could not look, for want of something of ours: that says nothing about the instance.
 */
export async function probe(effect: ProbeEffect, subject: Subject, signal: AbortSignal): Promise<ProbeResult> {
  const { reads } = subject.traffic()
  const seen = await look(effect, subject, signal)
  if (seen.ok || effect.purpose === 'readiness') return seen.ok ? seen : { ok: false, reason: seen.reason, signs: null }
  const owned = subject.proof?.owned
  const vitals = describeVitals(owned?.pid ?? subject.pid, owned?.inode ?? null)
  const answering = subject.traffic().reads !== reads
  return { ok: false, reason: seen.reason, signs: { silent: seen.silent, answering, vitals } }
}

type Seen =
  | Extract<ProbeResult, { ok: true }>
  | { readonly ok: false; readonly reason: string; readonly silent: boolean }

async function look(effect: ProbeEffect, subject: Subject, signal: AbortSignal): Promise<Seen> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, Math.round(effect.timeout)))])
  const told =
    subject.socket === null ? { host: '127.0.0.1', port: subject.port } : { host: '', port: 0, path: subject.socket }
  const asked = effect.address ?? told
  try {
    const refusal = await tryConnect(asked, deadline)
    if (refusal === null) return await judge(effect, subject, asked, deadline)
    if (effect.purpose === 'readiness' && effect.address === null && subject.socket === null) {
      const found = await searchElsewhere(subject, deadline)
      if (typeof found === 'string') return miss(found)
      if (found) return await judge(effect, subject, found, deadline)
    }
    const isBooting = effect.purpose === 'readiness' && effect.address === null && refusal === refused
    return miss(isBooting ? `not listening on PORT=${subject.socket ?? subject.port} yet` : refusal)
  } catch (error) {
    if (isOurs(error)) throw error
    if (deadline.aborted) return { ok: false, reason: `no answer within ${seconds(effect.timeout)}`, silent: true }
    return miss(messageOf(error))
  }
}

/** Somebody accepts at `address`. Whose is it, and is it well? */
async function judge(effect: ProbeEffect, subject: Subject, address: Address, deadline: AbortSignal): Promise<Seen> {
  const owned = await proveOwnership(subject, address)
  if (owned === 'stranger') {
    return miss(`${address.path ?? `port ${address.port}`} is answered by a process that is not ours`)
  }
  if (effect.path !== null) {
    const status = await get(address, effect.path, deadline)
    const healthy = effect.status.some(([low, high]) => status >= low && status <= high)
    if (!healthy) return miss(`answered ${status} to GET ${effect.path}`)
  } else if (effect.purpose === 'liveness' && effect.stall > 0) {
    const silence = await breakSilence(effect, subject, { address, owned }, deadline)
    if (silence !== null) return { ok: false, reason: silence, silent: true }
  }
  return { ok: true, address, note: describe(owned, address, subject.port) }
}

/**
 * The kernel accepts for a process that does not run at all. So where accepting is all that is asked, one that looks
 * dead is asked for any answer: when it was stopped, or when requests wait and none has got a byte for `stall`.
 */
async function breakSilence(
  effect: ProbeEffect,
  subject: Subject,
  { address, owned }: Proof,
  deadline: AbortSignal,
): Promise<string | null> {
  const { waiting, quiet } = subject.traffic()
  const stopped = isStopped(owned.pid)
  if (!stopped && (waiting < effect.stall || quiet < effect.stall)) return null
  const patience = stopped ? AbortSignal.timeout(Math.min(stoppedPatience, effect.timeout)) : deadline
  try {
    await get(address, '/', AbortSignal.any([deadline, patience]), 'HEAD')
  } catch (error) {
    if (isOurs(error)) throw error
    // Also a connection that is closed without an answer shows that somebody is there.
    if (!patience.aborted && !deadline.aborted) return null
    if (stopped) return 'it is stopped (SIGSTOP) and answers nothing'
    return `no byte of any answer for ${seconds(Math.min(waiting, quiet))}, and none to HEAD / within ${seconds(effect.timeout)}`
  }
  return null
}

/**
 * Every socket that may answer a connection to `address` must be held by the tree. The most specific one wins: bound to
 * the very address before the wildcard of its family before `::`, which takes IPv4 as well.
 */
async function proveOwnership(subject: Subject, address: Address): Promise<Owned | 'stranger'> {
  const { proof } = subject
  if (proof && isSame(proof.address, address)) {
    // Without /proc a full look costs a run of lsof: done once, at readiness.
    if (isStillHeld(proof.owned) !== false) return proof.owned
  }
  if (address.path !== undefined) {
    const owned = await ownedSocket(await subject.members(), address.path)
    if (owned !== null) subject.proof = { address, owned }
    return owned ?? 'stranger'
  }
  const answering = await listenersFor(address)
  // Nobody is listed although somebody accepts: it has just closed, or listens in another network namespace.
  if (answering?.length === 0) return 'stranger'
  // Most apps are one process: ask the root alone before all processes are scanned for its tree.
  let owned = await ownedListeners([subject.pid], answering)
  if (answering ? owned.length < answering.length : whoAnswers(owned, address).length === 0) {
    owned = await ownedListeners(await subject.members(), answering)
  }
  const [first] = whoAnswers(owned, address)
  if (!first || (answering && owned.length < answering.length)) return 'stranger'
  subject.proof = { address, owned: first }
  return first
}

async function listenersFor(address: Address): Promise<readonly Listening[] | null> {
  const exact = exactListeners(address.host, address.port)
  if (exact !== null && exact.length > 0) return exact
  const all = await listenersSoon()
  return all && whoAnswers(all, address)
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port && one.path === other.path
}

/** The listening sockets that a connection to `address` may reach. */
export function whoAnswers<T extends { readonly host: string; readonly port: number }>(
  sockets: readonly T[],
  address: Address,
): readonly T[] {
  const onPort = sockets.filter((socket) => socket.port === address.port)
  const order = address.host === '::1' ? ['::1', '::'] : [address.host, '0.0.0.0', '::']
  for (const host of order) {
    const found = onPort.filter((socket) => socket.host === host)
    if (found.length > 0) return found
  }
  return []
}

/**
 * Where the tree listens instead of the address it was given. Our port on ::1 is believed at once. Another port is
 * believed when two looks saw it and it speaks HTTP: a database or a debugger that an app opens before its own listener
 * must not be given its traffic.
 */
async function searchElsewhere(subject: Subject, deadline: AbortSignal): Promise<Address | string | null> {
  const age = subject.age()
  const last = subject.strays
  // Ever more rarely, for an app that needs a minute to boot: after 250 ms, then each time it is a quarter older.
  if (age < firstSearch || age - last.at < Math.max(firstSearch, age / 4)) return null
  const owned = [...(await ownedListeners(await subject.members()))].sort((a, b) => rank(a, subject) - rank(b, subject))
  subject.strays = { at: age, keys: new Set(owned.map((socket) => key(socket))) }
  let complaint: string | null = null
  for (const socket of owned) {
    const address = reachable(socket)
    if (address === null) {
      complaint ??= `listens on ${at(socket)}, which is not the loopback; bind 127.0.0.1`
      continue
    }
    if (socket.port !== subject.port && (!last.keys.has(key(socket)) || !(await speaksHttp(address, deadline))))
      continue
    if ((await tryConnect(address, deadline)) === null) return address
    // `::` that takes IPv6 only.
    const other = { host: '::1', port: address.port }
    if (socket.host === '::' && (await tryConnect(other, deadline)) === null) return other
  }
  return complaint
}

/** Our port first, the root's own listeners before its children's, a debugger (9229 and on, by custom of Node) last. */
function rank(socket: Owned, subject: Subject): number {
  const debug = socket.port >= 9_229 && socket.port <= 9_239 ? 4e6 : 0
  return (socket.port === subject.port ? 0 : 1e6) + (socket.pid === subject.pid ? 0 : 1e5) + debug + socket.port
}

function reachable(socket: Owned): Address | null {
  if (socket.host === '::1') return { host: '::1', port: socket.port }
  const loopback = isWildcard(socket.host) || socket.host === '127.0.0.1'
  return loopback ? { host: '127.0.0.1', port: socket.port } : null
}

function key(socket: Owned): string {
  return `${socket.inode ?? socket.host} ${socket.port}`
}

/** One sentence when an instance was found elsewhere than asked, or is open to more than us. */
export function describe(owned: Owned, address: Address, port: number): string | null {
  const notes: string[] = []
  if (address.port !== port) notes.push(`listens on port ${address.port} and ignores PORT=${port}; routed there`)
  else if (address.host === '::1') notes.push(`listens on [::1]:${port} only, not on 127.0.0.1; routed there`)
  if (isWildcard(owned.host)) {
    notes.push(`listens on ${owned.host}: reachable from the network without authentication; bind 127.0.0.1`)
  }
  return notes.length > 0 ? notes.join('; ') : null
}

function miss(reason: string): Seen {
  return { ok: false, reason, silent: false }
}

function at(socket: Owned): string {
  return socket.host.includes(':') ? `[${socket.host}]:${socket.port}` : `${socket.host}:${socket.port}`
}

function seconds(ms: number): string {
  return ms >= 1_000 ? `${Math.round(ms / 100) / 10}s` : `${Math.round(ms)}ms`
}
