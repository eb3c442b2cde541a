import { randomBytes } from 'node:crypto'
import type { Clock } from '../lib/clock.ts'
import type { Effect, Launch } from '../model/protocol.ts'
import type { Cgroups } from './cgroups.ts'
import type { Pipes } from './pipes.ts'
import type { Ports } from './ports.ts'
import type { InstanceRoll, Recorded } from './roll.ts'

/** What is asked for when a run begins. */
export type Spawn = Pick<Extract<Effect, { readonly type: 'spawn' }>, 'app' | 'run' | 'launch'>

export interface ProvisionsOptions {
  readonly clock: Clock
  readonly ports: Pick<Ports, 'take'>
  readonly pipes: Pick<Pipes, 'take' | 'release'>
  readonly roll: Pick<InstanceRoll, 'put' | 'drop'>
  readonly cgroups: Pick<Cgroups, 'choose' | 'ready'>
  /** A path for a Unix socket. */
  socket(launch: Launch): Promise<string>
}

interface Ahead {
  readonly made: Promise<Recorded>
  readonly timer: NodeJS.Timeout
}

/** What nobody took is given back after this long (milliseconds): the port may be anybody's by then. */
const fresh = 1_000

/**
 * What every start needs, whatever is started: a marker that is on file, a place to listen, pipes. After a crash it is got
 * ready while what is left of the old instance is still being cleared away, because clients wait for the next one.
 */
export class Provisions implements AsyncDisposable {
  readonly #options: ProvisionsOptions
  readonly #ahead = new Map<string, Ahead>()

  constructor(options: ProvisionsOptions) {
    this.#options = options
  }

  /** An instance that served has ended: another one of its app will be wanted in a moment. */
  prepare(spawn: Spawn): void {
    const { app, run, launch } = spawn
    void this.#options.cgroups.ready()
    if (launch.listen === 'socket' || this.#ahead.has(app)) return
    // Under a number that no run has: whose it will be is not known yet.
    const made = this.#make({ ...spawn, run: -run })
    made.catch(() => {})
    this.#ahead.set(app, { made, timer: setTimeout(() => void this.#giveBack(app), fresh) })
  }

  /** Rejects with one sentence when something cannot be had. It is the caller's to release and to drop from then on. */
  async take(spawn: Spawn): Promise<Recorded> {
    const ahead = this.#ahead.get(spawn.app)
    if (!ahead || spawn.launch.listen === 'socket') return this.#make(spawn)
    this.#forget(spawn.app, ahead)
    const made = await ahead.made.catch(() => null)
    if (made === null) return this.#make(spawn)
    const { app, run, launch } = spawn
    const recorded = { ...made, app, run, launch, born: this.#options.clock.now() }
    // In this order the marker is on file at every moment, under the one number or the other: no need to wait.
    void this.#options.roll.put(recorded)
    void this.#options.roll.drop(made.run)
    return recorded
  }

  /** What is on file is another gateway's now. */
  letGo(): void {
    for (const [app, ahead] of this.#ahead) this.#forget(app, ahead)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#ahead.keys()].map(async (app) => await this.#giveBack(app)))
  }

  async #make({ app, run, launch }: Spawn): Promise<Recorded> {
    const { clock, ports, pipes, roll, cgroups } = this.#options
    const marker = randomBytes(16).toString('hex')
    const nowhere = { port: 0, socket: null, pipes: null, address: null }
    const unborn = { pid: null, startTime: null, born: clock.now(), ending: false, told: null }
    const known = { app, run, marker, cgroup: await cgroups.choose(), launch, ...unborn, ...nowhere }
    // All at once. On file before the child exists, so that whoever comes after a gateway that was killed in between finds
    // it by its marker.
    const filed = roll.put(known)
    const taken = pipes.take()
    try {
      const place = await (launch.listen === 'socket' ? this.#options.socket(launch) : ports.take())
      await filed
      return { ...known, ...(typeof place === 'string' ? { socket: place } : { port: place }), pipes: await taken }
    } catch (error) {
      const pair = await taken
      if (pair) void pipes.release(pair)
      void roll.drop(run)
      throw error
    }
  }

  async #giveBack(app: string): Promise<void> {
    const ahead = this.#ahead.get(app)
    if (!ahead) return
    this.#forget(app, ahead)
    const made = await ahead.made.catch(() => null)
    if (made === null) return
    await Promise.all([this.#options.roll.drop(made.run), made.pipes && this.#options.pipes.release(made.pipes)])
  }

  #forget(app: string, { timer }: Ahead): void {
    clearTimeout(timer)
    this.#ahead.delete(app)
  }
}
