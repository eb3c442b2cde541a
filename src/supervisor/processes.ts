import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import type { Effect, Event, Traffic } from '../model/protocol.ts'
import type { OutputLine } from '../observe/journal.ts'
import { childEnvironment, readEnvFiles } from './environment.ts'
import { Pace } from './pace.ts'
import { Ports } from './ports.ts'
import { ProcessTable } from './process-table.ts'
import { Ring } from './ring.ts'
import { Run, type Habitat } from './run.ts'
import { InstanceRoll, type Notice } from './strays.ts'
import type { Usage } from './usage.ts'

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
  readonly #rings = new Map<string, Ring>()
  /** What was said about environments, so that it is said once: `app message`. */
  readonly #said = new Set<string>()
  readonly #roll: InstanceRoll
  readonly #habitat: Habitat
  #closed = false

  constructor(options: ProcessesOptions) {
    this.#options = options
    this.#roll = new InstanceRoll(options.stateDir, options.notice)
    this.#habitat = {
      clock: options.clock,
      ports: new Ports(options.clock),
      table: new ProcessTable(),
      pace: new Pace(),
      roll: this.#roll,
      environment: (spawn, port, marker) => this.#environment(spawn, port, marker),
      output: (line) => this.#output(line),
      report: (event) => options.report(event),
      traffic: (run) => options.traffic(run),
      notice: options.notice,
    }
  }

  spawn(effect: SpawnEffect): void {
    if (this.#runs.has(effect.run)) return
    const run = new Run(effect, this.#habitat)
    this.#runs.set(effect.run, run)
    if (this.#closed) run.kill()
    void this.#follow(effect.run, run)
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

  /** Kills whatever is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const runs = [...this.#runs.values()]
    for (const run of runs) run.kill()
    const given = new AbortController()
    const late = delay(farewell, undefined, { signal: given.signal }).catch(() => {})
    await Promise.race([Promise.all(runs.map((run) => run.over)), late])
    given.abort()
    await this.#roll[Symbol.asyncDispose]()
  }

  async #follow(number: number, run: Run): Promise<void> {
    const exit = await run.live()
    this.#runs.delete(number)
    this.#options.report({ type: 'exited', run: number, exit })
  }

  #output(line: OutputLine): void {
    let ring = this.#rings.get(line.app)
    if (!ring) this.#rings.set(line.app, (ring = new Ring()))
    ring.push(line)
    this.#options.output(line)
  }

  async #environment(spawn: SpawnEffect, port: number, marker: string): Promise<Record<string, string>> {
    const { app, run, launch } = spawn
    const given = { port, app, run, marker, ...this.#options.urls(app) }
    const { variables, faults } = await readEnvFiles(launch.envFiles)
    const { env, overruled } = childEnvironment(process.env, given, variables, launch.env)
    for (const name of overruled) {
      this.#warnOnce(app, `${name} of its env files is not used, the gateway sets ${name}=`, env[name])
    }
    for (const fault of faults) this.#warnOnce(app, fault)
    return env
  }

  /** `change` is what may be another one each time without being news. */
  #warnOnce(app: string, message: string, change = ''): void {
    if (this.#said.has(`${app} ${message}`)) return
    this.#said.add(`${app} ${message}`)
    this.#options.notice('warn', `${app}: ${message}${change}`)
  }
}
