import { messageOf } from './failure.ts'
import type { Line, Load } from './load.ts'
import type { Options } from './options.ts'
import { type Peer, type Started, token } from './peers/peer.ts'
import type { Measured, Results } from './results.ts'
import type { Stage } from './stage.ts'
import { groupOf, type Workload, workloads } from './workloads.ts'

export interface Bench {
  readonly options: Options
  readonly load: Load
  readonly stage: Stage
  readonly results: Results
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

/**
 * Measures workloads that belong together: in every round each peer has its turn, and every round begins with another
 * peer, so that whatever else the machine does falls on all of them alike.
 */
export async function measureGroup(bench: Bench, group: readonly Workload[], peers: readonly Peer[]): Promise<void> {
  const { options, stage, results, signal, say } = bench
  const turns = group.flatMap((workload) => peers.map((peer) => ({ workload, peer })))
  const failed = new Set<unknown>()
  const rounds = turns.map(({ workload, peer }) => roundsOf(options, workload, peer))
  for (let round = 0; round < Math.max(0, ...rounds); round += 1) {
    const first = (round * group.length) % turns.length
    for (const turn of [...turns.slice(first), ...turns.slice(0, first)]) {
      signal.throwIfAborted()
      const { workload, peer } = turn
      const { title } = workload
      const { apps } = workload
      if (failed.has(turn) || round >= roundsOf(options, workload, peer)) continue
      say(`${title}, round ${round + 1} of ${roundsOf(options, workload, peer)}: ${peer.name}`)
      const started = await stage.take(peer, { apps: apps ?? 10, log: workload.log ?? false })
      signal.throwIfAborted()
      if (started instanceof Error) {
        failed.add(turn)
        results.notes.add(`${peer.name} did not start: ${messageOf(started)}`)
        continue
      }
      try {
        await measure(bench, workload, peer, started)
      } catch (error) {
        signal.throwIfAborted()
        failed.add(turn)
        results.notes.add(`${title}: ${peer.name} could not be measured: ${messageOf(error)}`)
      }
    }
  }
}

function roundsOf({ quick, rounds }: Options, workload: Workload, peer: Peer): number {
  const { apps, name } = workload
  if ((apps !== undefined && peer.maxApps < apps) || peer.workloads?.includes(name) === false) return 0
  if (quick) return 1
  return workload.rounds ?? (peer.distant === true ? 1 : rounds)
}

/** In the order given, those that must be measured in turns together. */
export function groups(chosen: readonly Workload[]): Workload[][] {
  return [...Map.groupBy(chosen, groupOf).values()]
}

async function measure(bench: Bench, workload: Workload, peer: Peer, { port, pids }: Started): Promise<void> {
  const { load, options, results } = bench
  const { title, unit, mode } = workload
  const app = workload.apps === undefined ? 1 : workload.apps / 2
  const { seconds, warm } = options
  const flags = { ...workload.flags, path: `/api/app${app}${workload.flags.path}`, token, port, seconds, warm }
  if (mode === 'first') {
    const lines = await load.run('first', { ...flags, count: Math.ceil(seconds / 0.04) }, pids)
    for (const line of lines) {
      results.add(line.kind === 'head' ? 'bare head of a stream' : 'first chunk of a stream', unit, peer.name, {
        ...nothing,
        p50: line.p50,
        p99: line.p99,
        errors: line.errors,
      })
    }
    return
  }
  if (workload.halfOf !== undefined) {
    const rate = halfRate(results, workload, peer.name)
    // What is saturated by this rate has no latency worth telling.
    if (rate === null) return
    const [line] = await load.run(mode, { ...flags, rate }, pids)
    if (line) results.add(title, unit, peer.name, measuredOf(line, workload))
    return
  }
  // A thousand streams cost so little a second that a short window would be a few ticks of the clock.
  const longer = mode === 'events' ? { seconds: Math.max(5, seconds) } : {}
  const [line] = (await load.run(mode, { ...flags, ...longer }, pids)).slice(-1)
  if (line) results.add(title, unit, peer.name, measuredOf(line, workload))
}

function halfRate(results: Results, { halfOf, halfFor }: Workload, peer: string): number | null {
  const row = workloads.find(({ name }) => name === halfOf)?.title ?? ''
  const rateOf = (name: string): number | null => results.median(row, name, ({ rate }) => rate)
  const [ours, theirs] = [rateOf('Quaymaster'), rateOf(peer)]
  if (halfFor === 'each') return theirs === null ? null : Math.round(theirs / 2)
  if (ours === null) throw new Error(`it needs "${row}" of Quaymaster in the same run`)
  return theirs !== null && theirs < ours * 0.6 ? null : Math.round(ours / 2)
}

function measuredOf({ done, errors, seconds, user, system, p50, p99 }: Line, { units = 1, paced }: Workload): Measured {
  const count = done * units
  if (count === 0) throw new Error('not one request succeeded')
  return { user: user / count, system: system / count, rate: paced === true ? null : count / seconds, p50, p99, errors }
}

const nothing = { user: null, system: null, rate: null }
