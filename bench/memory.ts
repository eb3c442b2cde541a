import { setTimeout as pause } from 'node:timers/promises'

import { messageOf } from './failure.ts'
import type { Flags } from './load.ts'
import type { Bench } from './measure.ts'
import { type Peer, token } from './peers/peer.ts'
import { descriptorLimit, descriptorsOf, residentOf } from './processes.ts'

/** Bytes, and counts of connections and descriptors. Null: could not be measured. */
export interface Memory {
  readonly peer: string
  readonly start: number
  readonly warm: number
  readonly idle: PerConnection | null
  readonly tunnel: PerConnection | null
  /** Over 1,000 connections that were opened and closed, after 5,000 others. Heap: where it can be collected and asked. */
  readonly growth: { readonly resident: number; readonly descriptors: number; readonly heap: number | null } | null
}

export interface PerConnection {
  readonly count: number
  readonly bytes: number
}

export async function measureMemory(bench: Bench, peers: readonly Peer[]): Promise<Memory[]> {
  const found: Memory[] = []
  for (const peer of peers) {
    if (peer.distant === true || peer.workloads?.includes('memory') === false) continue
    bench.signal.throwIfAborted()
    bench.say(`memory: ${peer.name}`)
    try {
      found.push(await measureOne(bench, peer))
    } catch (error) {
      bench.signal.throwIfAborted()
      bench.results.notes.add(`memory: ${peer.name} could not be measured: ${messageOf(error)}`)
    }
  }
  return found
}

async function measureOne(bench: Bench, peer: Peer): Promise<Memory> {
  const { load, stage } = bench
  await using started = await stage.fresh(peer, ten)
  const { port, pids } = started
  const start = residentOf(pids)
  const flags = await warmUp(bench, port)
  const cycles = { ...flags, conns: 8, close: 1, warm: 0, seconds: 60 }
  await load.run('requests', { ...cycles, count: 5_000 })
  const warm = await settled(pids)
  const before = await descriptors(pids)
  const heapBefore = (await started.heap?.()) ?? null
  await load.run('requests', { ...cycles, count: 1_000 })
  const resident = (await settled(pids)) - warm
  const heapAfter = (await started.heap?.()) ?? null
  const heap = heapBefore === null || heapAfter === null ? null : heapAfter - heapBefore
  const growth = { resident, descriptors: (await descriptors(pids)) - before, heap }
  // 1,000 descriptors are left to the connections to the app and to the gateway itself.
  const room = descriptorLimit() - 1_000
  const idle = await hold(bench, peer, 'idle', Math.min(10_000, room))
  const tunnel = await hold(bench, peer, 'tunnels', Math.min(2_000, room >> 1))
  return { peer: peer.name, start, warm, idle, tunnel, growth }
}

const ten = { apps: 10, log: false }

/** What a gateway allocates once must not be charged to the connections. */
async function warmUp({ load }: Bench, port: number): Promise<Flags> {
  const flags = { token, port, path: '/api/app1/' }
  await load.run('requests', { ...flags, conns: 64, warm: 0, seconds: 1 })
  return flags
}

/** In a new process each: memory that earlier connections gave back would serve the next ones. */
async function hold(bench: Bench, peer: Peer, mode: 'idle' | 'tunnels', count: number): Promise<PerConnection | null> {
  const { load, stage, results } = bench
  try {
    await using started = await stage.fresh(peer, ten)
    const { port, pids } = started
    const flags = await warmUp(bench, port)
    const before = await settled(pids)
    await using held = await load.hold(mode, { ...flags, conns: count })
    const bytes = ((await settled(pids)) - before) / count
    const { errors } = await held.close()
    if (errors > 0) results.notes.add(`memory: ${peer.name} closed ${errors} of ${count} ${mode} early.`)
    return { count, bytes }
  } catch (error) {
    bench.signal.throwIfAborted()
    results.notes.add(`memory: ${peer.name}, ${count} ${mode}: ${messageOf(error)}`)
    return null
  }
}

/** Resident memory when it has come to rest, for at most 3 s. */
async function settled(pids: readonly number[]): Promise<number> {
  let last = residentOf(pids)
  for (let looks = 0; looks < 6; looks += 1) {
    await pause(500)
    const now = residentOf(pids)
    if (Math.abs(now - last) < 64 * 1024) return now
    last = now
  }
  return last
}

/** Gateways close sockets a little after their clients. */
async function descriptors(pids: readonly number[]): Promise<number> {
  await pause(500)
  return descriptorsOf(pids)
}
