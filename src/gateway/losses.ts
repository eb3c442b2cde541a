import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

import { stripPrefix } from '../http/target.ts'
import type { Clock } from '../lib/clock.ts'
import { crashId } from '../model/crash.ts'
import { queryNames, shapeOf } from '../model/poison.ts'
import type { GatewayReport } from '../model/protocol.ts'
import { isWorthKeeping, type LostFlight } from '../model/testimony.ts'
import type { Ended, Upstream } from '../model/route.ts'
import type { Kept } from './keep.ts'
import { isRunning } from './pulse.ts'
import type { Asked } from './read-head.ts'

/** A connection breaks off a moment before nobody listens any more: how long that moment may be (milliseconds). */
const deathTime = 25
/** What is lost is told in batches (milliseconds). */
const batchTime = 5
/** For how long a death is remembered (milliseconds). */
const memory = 10_000

/** A request that was sent to an instance. */
export interface Sent {
  readonly id: string
  readonly app: string
  readonly method: string
  readonly asked: Asked
  /** What was stripped of the path. */
  readonly prefix: string
  readonly story: { readonly subject: string | null }
  /** On the gateway's clock. */
  readonly since: number
  readonly door: { readonly clock: Clock }
  /** Its body, if it may be sent once more although it is not safe and bare. */
  readonly kept: Kept | null
}

/** How an instance came to its end. */
export interface Death {
  /** Of the report; null where there is none. */
  readonly crash: string | null
  /** We stopped it. */
  readonly isOurs: boolean
}

interface Case {
  readonly app: string
  /** Set if we had begun to stop it before anything was lost. */
  readonly ended: Ended | null
  /** Whether nobody listens there any more. */
  readonly verdict: Promise<boolean>
  fallen: boolean
  flights: LostFlight[]
  more: number
  told: number
  timer: NodeJS.Timeout | null
}

/**
 * Requests whose connection broke off, and whether that was the death of their instance: the gateway hears of it before
 * the exit is known. One look a run, however many were lost; what was in flight at a death is reported.
 */
export class Losses implements Disposable {
  readonly #report: (report: GatewayReport) => void
  readonly #stamp: string
  readonly #cases = new Map<number, Case>()
  readonly #ended = new Map<number, Ended>()

  constructor(report: (report: GatewayReport) => void, stamp: string) {
    this.#report = report
    this.#stamp = stamp
  }

  /** The end of a run with something in flight; null when nothing is known of one. */
  crashOf(run: number | null): Death | null {
    const found = run === null ? undefined : this.#cases.get(run)
    if (run === null || found?.fallen !== true) return null
    const { app, ended } = found
    return { crash: ended?.fell === false ? null : crashId(app, run, this.#stamp), isOurs: ended !== null }
  }

  /** We stop a run from now on. */
  ended(it: Ended): void {
    this.#ended.set(it.run, it)
    setTimeout(() => this.#ended.delete(it.run), memory).unref()
  }

  /**
   * A flight was lost on its way: resolves with whether that was the end of its instance, and is reported if it was.
   * `certain`: nobody listens there any more, or we ended it ourselves.
   */
  note(
    upstream: Upstream,
    sent: Sent,
    seen: Pick<LostFlight, 'answering' | 'alone'>,
    certain: boolean,
  ): Promise<boolean> {
    const { run } = upstream
    const found = this.#cases.get(run) ?? this.#open(sent.app, upstream, certain)
    const flight = flightOf(sent, seen)
    if (isWorthKeeping(found.flights, flight)) found.flights.push(flight)
    else found.more += 1
    if (certain) this.#close(run, found, true)
    if (found.fallen) found.timer ??= setTimeout(() => this.#tell(run, found), batchTime)
    return certain ? Promise.resolve(true) : found.verdict
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#cases.values()) if (timer) clearTimeout(timer)
    this.#cases.clear()
  }

  #open(app: string, upstream: Upstream, certain: boolean): Case {
    const { run } = upstream
    const verdict = certain ? Promise.resolve(true) : hasFallen(upstream)
    const ended = this.#ended.get(run) ?? null
    const found: Case = { app, ended, verdict, fallen: false, flights: [], more: 0, told: 0, timer: null }
    this.#cases.set(run, found)
    if (!certain) void verdict.then((fallen) => this.#close(run, found, fallen))
    return found
  }

  #close(run: number, found: Case, fallen: boolean): void {
    if (found.fallen || this.#cases.get(run) !== found) return
    if (!fallen) {
      // It only hung up: the next loss is a matter of its own.
      this.#cases.delete(run)
      return
    }
    found.fallen = true
    found.timer ??= setTimeout(() => this.#tell(run, found), batchTime)
    setTimeout(() => this.#cases.delete(run), memory).unref()
  }

  #tell(run: number, found: Case): void {
    found.timer = null
    const { app, flights, more } = found
    const news = flights.slice(found.told)
    found.told = flights.length
    found.more = 0
    if (news.length + more > 0) this.#report({ type: 'lost', app, run, flights: news, more })
  }
}

/** Method, path as the app sees it, and names in the query; with the digest of a body, if that is known. */
export function shapeOfRequest(
  { method, asked, prefix }: Pick<Sent, 'method' | 'asked' | 'prefix'>,
  body = '',
): string {
  return shapeOf(method, stripPrefix(asked.path, prefix), asked.query, body)
}

function flightOf(sent: Sent, seen: Pick<LostFlight, 'answering' | 'alone'>): LostFlight {
  const { id, method, asked, prefix, story, since, door } = sent
  const names = queryNames(asked.query)
  const path = stripPrefix(asked.path, prefix)
  return {
    id,
    method,
    target: clipped(names.length === 0 ? path : `${path}?${names.join('&')}`),
    shape: shapeOfRequest(sent, sent.kept?.digest),
    size: asked.framing.kind === 'chunked' ? null : Math.max(0, asked.framing.length),
    age: Math.round(door.clock.now() - since),
    subject: story.subject,
    ...seen,
  }
}

function clipped(text: string): string {
  return text.length <= 1_000 ? text : `${text.slice(0, 999)}…`
}

/** One look, and another one if that saw somebody. */
async function hasFallen(upstream: Upstream): Promise<boolean> {
  if (isGone(upstream) || (await isDeaf(upstream))) return true
  await delay(deathTime)
  return isGone(upstream) || isDeaf(upstream)
}

function isGone({ pid }: Upstream): boolean {
  return pid !== undefined && !isRunning(pid)
}

/** Whether nobody listens any more where an instance listened. */
function isDeaf({ host, port, path }: Upstream): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...(path === undefined ? { host, port } : { path }), timeout: 1_000 })
    const settle = (deaf: boolean): void => {
      socket.destroy()
      resolve(deaf)
    }
    socket.once('connect', () => settle(false))
    socket.once('timeout', () => settle(false))
    // A Unix socket with a full backlog has somebody who listens.
    socket.on('error', (error: NodeJS.ErrnoException) => settle(error.code !== 'EAGAIN'))
  })
}
