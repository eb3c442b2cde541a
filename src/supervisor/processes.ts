import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import type { Effect, Event, Traffic } from '../model/protocol.ts'
import type { OutputLine } from '../observe/journal.ts'
import { Cgroups } from './cgroups.ts'
import { childEnvironment, readEnvFiles } from './environment.ts'
import { MemoryWatch } from './memory.ts'
import { Pace } from './pace.ts'
import { Ports } from './ports.ts'
import { ProcessTable } from './process-table.ts'
import { Provisions } from './provisions.ts'
import { Ring } from './ring.ts'
import type { Habitat } from './habitat.ts'
import { Run } from './run.ts'
import { dropSockets, takeSocket } from './sockets.ts'
import type { Usage } from './usage.ts'
import type { Left } from './left.ts'
import { Pipes } from './pipes.ts'
import { InstanceRoll } from './roll.ts'
import type { Notice } from './notice.ts'
import { endStrays } from './strays.ts'

type SpawnEffect = Extract<Effect, { readonly type: 'spawn' }>
type ProbeEffect = Extract<Effect, { readonly type: 'probe' }>

export interface ProcessesOptions {
  readonly stateDir: string
  readonly clock: Clock
  /** What became of an effect. */
  report(event: Extract<Event, { readonly type: 'spawned' | 'exited' | 'probed' }>): void
  /** What the gateway knows of a run's requests. */
  traffic(run: number): Traffic
  /** Every line of every child. */
  output(line: OutputLine): void
  urls(app: string): { readonly publicUrl: string; readonly basePath: string }
  readonly notice: Notice
  /** What an earlier gateway left. */
  readonly left: Left
}

/** How long dispose waits for what it has killed (milliseconds). */
const farewell = 5_000

/**
 * Performs the effects that concern processes. Knows runs only by number and decides nothing: every `spawn` is answered
 * by `spawned` and one `exited`, or by `exited` alone; every `probe` by a `probed`, unless the run ends before.
 */
export class Processes implements AsyncDisposable {
  readonly #options: ProcessesOptions
  readonly #runs = new Map<number, Run>()
  /** Runs that have ended and are being cleared away. */
  readonly #ended = new Set<Promise<void>>()
  readonly #rings = new Map<string, Ring>()
  /** What was said about environments, so that it is said once: `app message`. */
  readonly #said = new Set<string>()
  readonly #roll: InstanceRoll
  readonly #pipes: Pipes
  readonly #provisions: Provisions
  readonly #habitat: Habitat
  #closed = false
  /** Whether what is on file is another gateway's now. */
  #others = false

  constructor(options: ProcessesOptions) {
    this.#options = options
    const { stateDir, left, notice } = options
    this.#roll = new InstanceRoll(stateDir, [...left.adoptable, ...left.strays], notice, left.off)
    this.#pipes = new Pipes(
      stateDir,
      left.adoptable.map((one) => one.pipes),
      notice,
    )
    const ports = new Ports(options.clock)
    const cgroups = new Cgroups(notice)
    this.#provisions = new Provisions({
      clock: options.clock,
      ports,
      pipes: this.#pipes,
      roll: this.#roll,
      cgroups,
      socket: (launch) => takeSocket(options.stateDir, launch),
    })
    this.#habitat = {
      clock: options.clock,
      ports,
      table: new ProcessTable(),
      pace: new Pace(),
      pipes: this.#pipes,
      cgroups,
      roll: this.#roll,
      environment: (spawn) => this.#environment(spawn),
      provisions: this.#provisions,
      output: (line) => this.#output(line),
      report: (event) => options.report(event),
      traffic: (run) => options.traffic(run),
      notice: options.notice,
      memory: new MemoryWatch(),
      blind: (reason) => this.#tellBlind(reason),
    }
  }

  spawn(effect: SpawnEffect): void {
    if (this.#runs.has(effect.run)) return
    const run = new Run(effect, this.#habitat)
    this.#runs.set(effect.run, run)
    if (this.#closed) run.kill()
    void this.#follow(effect.run, run)
  }

  /** Goes on with a run that an earlier gateway started. */
  adopt(number: number): void {
    const left = this.#options.left.adoptable.find((one) => one.run === number)
    if (!left || this.#runs.has(number)) return
    const run = new Run(left, this.#habitat, left)
    this.#runs.set(number, run)
    void this.#follow(number, run)
    if (this.#closed) run.kill()
  }

  /** Ends what an earlier gateway left and nobody can go on with. */
  async endStrays(): Promise<void> {
    const { left, notice } = this.#options
    await endStrays(left.strays, notice)
    await Promise.all(left.strays.map(async (one) => await this.#roll.drop(one.run)))
  }

  /** The gateway's, which the apps are told: on file for a later one. */
  setUrl(url: string): void {
    this.#roll.setUrl(url)
  }

  /** Whether the operator has stopped an app: on file for a later gateway. */
  setOff(app: string, off: boolean): void {
    this.#roll.setOff(app, off)
  }

  probe(effect: ProbeEffect): void {
    this.#runs.get(effect.run)?.probe(effect)
  }

  terminate(run: number): void {
    this.#runs.get(run)?.terminate()
  }

  kill(run: number): void {
    this.#runs.get(run)?.kill()
  }

  /** The last lines of an app, oldest first: at most 1000. */
  recent(app: string): readonly OutputLine[] {
    return this.#rings.get(app)?.lines() ?? []
  }

  forget(app: string): void {
    this.#rings.delete(app)
    for (const said of this.#said) if (said.startsWith(`${app} `)) this.#said.delete(said)
  }

  /** What of a run is still alive, as far as was seen by the last look at all processes; for messages. */
  survivors(run: number): readonly { readonly pid: number; readonly name: string }[] {
    return this.#runs.get(run)?.survivors() ?? []
  }

  usage(run: number): Usage | null {
    return this.#runs.get(run)?.usage() ?? null
  }

  async memory(run: number, limit: number): Promise<number | null> {
    return (await this.#runs.get(run)?.memory(limit)) ?? null
  }

  /** Another gateway goes on with everything that is on file; afterwards there is nothing here to end. */
  async letGo(): Promise<void> {
    const runs = [...this.#runs.values()]
    this.#closed = true
    this.#others = true
    this.#runs.clear()
    this.#provisions.letGo()
    await Promise.all(runs.map(async (run) => await run.letGo()))
    await this.#roll.letGo()
  }

  /** Kills whatever is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const runs = [...this.#runs.values()]
    for (const run of runs) run.kill()
    const given = new AbortController()
    const late = delay(farewell, undefined, { signal: given.signal }).catch(() => {})
    await Promise.race([Promise.all([...this.#ended, ...runs.map((run) => run.over)]), late])
    given.abort()
    await this.#provisions[Symbol.asyncDispose]()
    await this.#pipes[Symbol.asyncDispose]()
    await this.#roll[Symbol.asyncDispose]()
    if (!this.#others) await dropSockets(this.#options.stateDir)
  }

  async #follow(number: number, run: Run): Promise<void> {
    const exit = await run.live()
    this.#runs.delete(number)
    this.#ended.add(run.over)
    void run.over.then(() => this.#ended.delete(run.over))
    this.#options.report({ type: 'exited', run: number, exit })
  }

  #output(line: OutputLine): void {
    let ring = this.#rings.get(line.app)
    if (!ring) this.#rings.set(line.app, (ring = new Ring()))
    ring.push(line)
    this.#options.output(line)
  }

  async #environment(
    spawn: Pick<SpawnEffect, 'app' | 'run' | 'launch'>,
  ): Promise<(place: string, marker: string) => Record<string, string>> {
    const { app, run, launch } = spawn
    const { variables, faults } = await readEnvFiles(launch.envFiles)
    for (const fault of faults) this.#warnOnce(app, fault)
    return (place, marker) => {
      const given = { place, app, run, marker, ...this.#options.urls(app) }
      const { env, overruled } = childEnvironment(process.env, given, variables, launch.env)
      for (const name of overruled) {
        this.#warnOnce(app, `${name} of its env files is not used, the gateway sets ${name}=`, env[name])
      }
      return env
    }
  }

  #tellBlind(reason: string): void {
    if (this.#said.has(reason)) return
    this.#said.add(reason)
    this.#options.notice('warn', `Instances cannot be looked at and are taken for well meanwhile: ${reason}`)
  }

  /** `change` is what may be another one each time without being news. */
  #warnOnce(app: string, message: string, change = ''): void {
    if (this.#said.has(`${app} ${message}`)) return
    this.#said.add(`${app} ${message}`)
    this.#options.notice('warn', `${app}: ${message}${change}`)
  }
}
