import type { Head } from '../http/head.ts'
import type { Clock } from '../lib/clock.ts'
import type { ErrorCode } from '../lib/errors.ts'
import type { GatewayReport } from '../model/protocol.ts'
import type { Route, RouteChange, Upstream } from '../model/route.ts'
import { noAnswers, type Tally, timeStep } from '../model/tally.ts'
import { type Asked, isRepeatable } from './read-head.ts'

/** How often what was counted is reported while a version is on trial (milliseconds): soon enough to take it back. */
const reportEvery = 50

/** Versions on trial: who gets which request, and how both sides answer. Idle while there is none. */
export class Trials implements Disposable {
  readonly #watches = new Map<string, Watch>()
  readonly #report: (report: GatewayReport) => void
  readonly #clock: Clock
  #timer: NodeJS.Timeout | null = null

  constructor(report: (report: GatewayReport) => void, clock: Clock) {
    this.#report = report
    this.#clock = clock
  }

  change({ put, gone }: RouteChange): void {
    for (const { app, target } of put) {
      const known = this.#watches.get(app)
      if (target.kind !== 'ready' || !target.rollout) {
        if (known) this.#end(known, target.kind === 'ready' ? target.upstreams : [])
        continue
      }
      const { generation, trial } = target.rollout
      if (known && known.generation !== generation) this.#end(known, target.upstreams)
      const watch = known?.generation === generation ? known : new Watch(app, generation)
      for (const { run } of trial) watch.runs.add(run)
      watch.standby = target.upstreams
      this.#watches.set(app, watch)
    }
    for (const app of gone) {
      const known = this.#watches.get(app)
      if (known) this.#end(known, [])
    }
    if (this.#watches.size === 0) this[Symbol.dispose]()
    else this.#timer ??= setInterval(() => this.#tellAll(), reportEvery).unref()
  }

  /** Who is still on the way to the version that was on trial may be answered by `left`. */
  #end(watch: Watch, left: readonly Upstream[]): void {
    watch.standby = left.filter(({ run }) => !watch.runs.has(run))
    this.#watches.delete(watch.app)
    this.#tell(watch)
  }

  /** Null when nothing of the app is on trial: the straight path ends at the first line. */
  take(route: Route, avoid: ReadonlySet<number>, asker: Asker): Try | null {
    if (route.target.kind !== 'ready' || !route.target.rollout) return null
    const { upstreams, rollout } = route.target
    const watch = this.#watches.get(route.app)
    if (!watch) return null
    const proven = upstreams.filter(({ run }) => !avoid.has(run))
    // Whom it failed once, it is not asked again.
    const { trial: before, head, asked } = asker
    const trial = before ? [] : rollout.trial.filter(({ run }) => !avoid.has(run))
    const isTrial = trial.length > 0 && watch.draw(rollout.share)
    const side = isTrial ? 'trial' : before?.failed ? 'second' : 'proven'
    return new Try(watch, isTrial ? trial : proven, side, isRepeatable(head, asked), this.#clock)
  }

  [Symbol.dispose](): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  #tellAll(): void {
    for (const watch of this.#watches.values()) this.#tell(watch)
  }

  #tell(watch: Watch): void {
    if (watch.answers.requests + watch.answers.failed + watch.answers.excused + watch.proven.requests === 0) return
    const { app, generation, answers, proven } = watch
    watch.answers = fresh()
    watch.proven = fresh()
    this.#report({ type: 'observed', app, generation, answers, proven })
  }
}

interface Asker {
  /** Of its last try. */
  readonly trial: Try | null
  readonly head: Head
  readonly asked: Asked
}

/** Who is asked: the version on trial, the proven one, or the proven one because the other has failed. */
type Side = 'trial' | 'proven' | 'second'

/** One request's try at an app with a version on trial. */
export class Try {
  readonly upstreams: readonly Upstream[]
  /** Whether the version on trial has let it down. */
  failed = false
  readonly #watch: Watch
  readonly #side: Side
  readonly #repeatable: boolean
  readonly #clock: Clock
  readonly #since: number

  constructor(watch: Watch, upstreams: readonly Upstream[], side: Side, repeatable: boolean, clock: Clock) {
    this.#watch = watch
    this.upstreams = upstreams
    this.#side = side
    this.#repeatable = repeatable
    this.#clock = clock
    this.#since = clock.now()
  }

  /** Counts an answer. True when it is not to be delivered: the version on trial failed, the proven one can be asked. */
  declines(status: number): boolean {
    const isFailure = status >= 500
    const { answers, proven, standby } = this.#watch
    if (this.#side === 'second') {
      // It is the request's fault, or of something that both versions need.
      if (isFailure) answers.excused += 1
      return false
    }
    const took = this.#clock.now() - this.#since
    const tally = this.#side === 'trial' ? answers : proven
    tally.requests += 1
    tally.time += took
    tally.times[timeStep(took)] = (tally.times[timeStep(took)] ?? 0) + 1
    if (isFailure) tally.failed += 1
    this.failed = isFailure && this.#side === 'trial'
    return this.failed && this.#repeatable && standby.length > 0
  }

  /** Counts that no answer came. True when the version on trial failed and the proven one can be asked. */
  fails(code: ErrorCode): boolean {
    if (this.#side !== 'trial') return false
    const { answers, standby } = this.#watch
    if (!this.failed) {
      if (!faults.has(code)) return false
      answers.requests += 1
      if (code === 'cut' || code === 'connection-lost') answers.lost += 1
      else answers.failed += 1
      this.failed = true
    }
    return standby.length > 0
  }
}

/** What is the instance's doing when a request was sent and no answer came. */
const faults: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'cut',
  'connection-lost',
  'bad-response',
  'truncated-response',
  'response-timeout',
])

/** What this gateway saw of one trial since it last told. */
class Watch {
  readonly app: string
  readonly generation: number
  /** Every run that was ever on trial in it. */
  readonly runs: Set<number> = new Set()
  standby: readonly Upstream[] = []
  answers: Counts = fresh()
  proven: Counts = fresh()
  #credit = 0

  constructor(app: string, generation: number) {
    this.app = app
    this.generation = generation
  }

  /** Every so many is on trial, evenly. */
  draw(share: number): boolean {
    this.#credit += share
    if (this.#credit < 1 - 1e-9) return false
    this.#credit -= 1
    return true
  }
}

type Counts = { -readonly [K in keyof Omit<Tally, 'times'>]: Tally[K] } & { times: number[] }

function fresh(): Counts {
  return { ...noAnswers, times: [...noAnswers.times] }
}
