import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Effect, Exit } from '../model/protocol.ts'
import { takeOver } from './adopted-child.ts'
import { messageOf } from './errno.ts'
import { failed } from './exits.ts'
import { clearUp, look, unkillable } from './clear-up.ts'
import { dropGroup } from './cgroups.ts'
import type { Habitat } from './habitat.ts'
import type { Adoptable } from './left.ts'
import { fairProbe, lookAgain } from './fair-probe.ts'
import { isOccupied } from './listeners.ts'
import { Output } from './output.ts'
import type { Subject } from './probe.ts'
import type { Spawn } from './provisions.ts'
import { isBlind, startTimeOf } from './process-table.ts'
import { ProcessTree } from './process-tree.ts'
import { spawnChild, type Child } from './spawn.ts'
import { memoryOf, usageOf, type Usage } from './usage.ts'
import type { Recorded } from './roll.ts'
import { vitalsOf } from './vitals.ts'

type ProbeEffect = Extract<Effect, { readonly type: 'probe' }>

/** A run that has a process. */
interface Life {
  readonly child: Child
  readonly port: number
  readonly tree: ProcessTree
  readonly output: Output
}

const others = 'it belongs to another gateway'

/** After the end of a tree: how long its pipes may take to hand over the last words (milliseconds). */
const lastWords = 100

/** One child process and its tree, from the wish to the end. */
export class Run {
  readonly over: Promise<void>
  readonly #spawn: Spawn
  readonly #habitat: Habitat
  /** It runs already: an earlier gateway has started it. */
  readonly #left: Adoptable | null
  readonly #ended = new AbortController()
  readonly #settle: () => void
  #recorded: Recorded | null = null
  #wish: 'live' | 'terminate' | 'kill' = 'live'
  #tree: ProcessTree | null = null
  #subject: Subject | null = null
  #wasReady = false
  /** Bytes it held when it was last looked at. */
  #memory: number | null = null
  #socket: string | null = null
  #pending: NodeJS.Timeout | null = null
  #probing = false
  #output: Output | null = null
  /** Whether it is another gateway's now. */
  #others = false
  #life: unknown = null

  constructor(spawn: Spawn, habitat: Habitat, left: Adoptable | null = null) {
    this.#spawn = spawn
    this.#habitat = habitat
    this.#left = left
    const { promise, resolve } = Promise.withResolvers<void>()
    this.over = promise
    this.#settle = resolve
  }

  /** Resolves when nothing of it is left, with how it ended. Never rejects. */
  async live(): Promise<Exit> {
    const { run } = this.#spawn
    try {
      return await this.#live()
    } catch (error) {
      return failed(`cannot start ${this.#spawn.launch.source}: ${messageOf(error)}`)
    } finally {
      if (this.#pending) clearTimeout(this.#pending)
      this.#ended.abort()
      // Not waited for: what a later gateway looks for there is recognised as gone anyway.
      if (!this.#others) void this.#habitat.roll.drop(run)
      if (!this.#others && this.#recorded?.pipes) void this.#habitat.pipes.release(this.#recorded.pipes)
      if (!this.#others && this.#socket !== null) void rm(this.#socket, { force: true }).catch(() => {})
      if (this.#others) this.#settle()
      else void dropGroup(this.#recorded?.cgroup ?? null).then(this.#settle)
    }
  }

  terminate(): void {
    if (this.#wish !== 'live') return
    this.#wish = 'terminate'
    this.#note({ ending: true })
    void this.#tell()
  }

  /** When it was told counts for whoever goes on with it: it shall have its whole grace, and no second SIGTERM. */
  async #tell(): Promise<void> {
    if (this.#tree === null) return
    await this.#tree.terminate()
    // Who cannot be looked at was sent nothing.
    if (!isBlind()) this.#note({ told: this.#habitat.clock.now() })
  }

  kill(): void {
    this.#wish = 'kill'
    this.#note({ ending: true })
    void this.#tree?.kill()
  }

  /** Another gateway goes on with it: nothing is read, said or signalled here any more. */
  async letGo(): Promise<void> {
    this.#others = true
    // A start that cannot be taken back has to be on file with its PID.
    await Promise.resolve(this.#life).catch(() => {})
    if (this.#pending) clearTimeout(this.#pending)
    this.#ended.abort()
    await this.#output?.finish(0)
  }

  survivors(): readonly { readonly pid: number; readonly name: string }[] {
    return this.#tree?.remaining() ?? []
  }

  /** What it has used so far, of those of its tree that were seen last. Null where the system does not tell. */
  usage(): Usage | null {
    return usageOf(this.survivors().map(({ pid }) => pid))
  }

  /** Bytes that its tree holds; more exact, and dearer, where that is beyond `limit`. */
  async memory(limit: number): Promise<number | null> {
    const members = (await this.#tree?.members()) ?? []
    return memoryOf(
      members.map(({ pid }) => pid),
      limit,
    )
  }

  /** A later wish replaces one that is still waiting: there is one probe at a time, and its answer leads to the next. */
  probe(effect: ProbeEffect): void {
    if (this.#ended.signal.aborted) return
    if (this.#pending) clearTimeout(this.#pending)
    this.#pending = setTimeout(() => void this.#probe(effect), Math.max(0, effect.after))
  }

  async #live(): Promise<Exit> {
    const life = await (this.#life = this.#left === null ? this.#begin() : this.#resume(this.#left))
    if ('error' in life) return failed(life.error)
    const { child, port, tree, output } = life
    if (this.#left === null) this.#enforce()
    const { code, signal } = await child.ended
    // What a probe finds now is not the reason: its end is, once its tree is gone.
    this.#ended.abort()
    if (this.#others) return failed(others)
    tree.rootEnded()
    const asked = this.#wish !== 'live'
    if (!asked && this.#wasReady) this.#habitat.provisions.prepare(this.#spawn)
    const outOfMemory = !asked && signal === 'SIGKILL' && this.#habitat.memory.hasStruck()
    await (asked ? this.#waitForAll(tree) : clearUp(tree, () => this.#giveUp(tree)))
    await output.finish(lastWords)
    const portTaken = !asked && !this.#wasReady && (output.portTaken || isOccupied(port))
    return { code, signal, error: null, lastLine: output.lastLine, portTaken, outOfMemory, memory: this.#memory }
  }

  async #begin(): Promise<Life | { readonly error: string }> {
    const { run, launch } = this.#spawn
    const { provisions, table, clock, cgroups } = this.#habitat
    const environment = this.#habitat.environment(this.#spawn)
    // Awaited below; until then its failure is nobody's.
    environment.catch(() => {})
    this.#recorded = await provisions.take(this.#spawn)
    const { port, socket, pipes, cgroup, marker } = this.#recorded
    this.#socket = socket
    const place = socket ?? String(port)
    const env = (await environment)(place, marker)
    await cgroups.ready(cgroup)
    if (this.#others) return { error: others }
    if (this.#wish !== 'live') return { error: `${launch.source} was stopped before it was started` }
    const child = await spawnChild(launch, env, place, pipes, (start) => cgroups.within(cgroup, start))
    if ('error' in child) return child
    const born = clock.now()
    const output = this.#listen(child, port)
    // A child that has ended by now has no start time any more; what it left is known by group and marker.
    const started = await startTimeOf(child.pid, table)
    const tree = this.#describe(child.pid, started, this.#recorded, born)
    this.#note({ pid: child.pid, startTime: started, born })
    this.#habitat.report({ type: 'spawned', run, pid: child.pid, port })
    return { child, port, tree, output }
  }

  /** Without a wait, so that the first probe finds everything in its place. */
  #resume(left: Adoptable): Life {
    const { pid, startTime, port, born, app, run } = left
    this.#recorded = left
    this.#wasReady = left.address !== null
    this.#socket = left.socket ?? null
    this.#habitat.ports.claim(port)
    const child = takeOver(left)
    const tree = this.#describe(pid, startTime, left, born)
    if (left.ending) {
      this.#wish = 'terminate'
      void tree.assumeTold()
    } else if (child.deaf) {
      this.#habitat.notice('warn', `${app} run ${run} of an earlier gateway cannot be heard any more and is ended`)
      this.terminate()
    }
    return { child, port, tree, output: this.#listen(child, port) }
  }

  /** Writes down what has become known of it. */
  #note(news: Partial<Recorded>): void {
    if (this.#recorded === null || this.#ended.signal.aborted) return
    this.#recorded = { ...this.#recorded, ...news }
    void this.#habitat.roll.put(this.#recorded)
  }

  #listen(child: Child, port: number): Output {
    const { app, run } = this.#spawn
    const { clock, pace } = this.#habitat
    const output = new Output({ app, run, port, clock, pace, line: (line) => this.#habitat.output(line) })
    this.#output = output
    output.attach(child.stdout, 'stdout')
    output.attach(child.stderr, 'stderr')
    return output
  }

  #describe(pid: number, started: string, { marker, cgroup, port }: Recorded, born: number): ProcessTree {
    const tree = new ProcessTree(this.#habitat.table, { pid, started, marker, cgroup: cgroup ?? null })
    this.#tree = tree
    this.#subject = {
      pid,
      port,
      socket: this.#socket,
      age: () => this.#habitat.clock.now() - born,
      members: async () => {
        const pids = (await tree.members()).map((entry) => entry.pid)
        return pids.sort((a, b) => Number(b === pid) - Number(a === pid) || a - b)
      },
      traffic: () => this.#habitat.traffic(this.#spawn.run),
      proof: null,
      strays: { at: -Infinity, keys: new Set() },
    }
    return tree
  }

  /** What was asked of the run before it had a process. */
  #enforce(): void {
    if (this.#wish === 'kill') this.kill()
    else if (this.#wish === 'terminate') void this.#tell()
  }

  /** It was asked to stop: over when the whole tree is gone. The time for SIGKILL is the reducer's to choose. */
  async #waitForAll(tree: ProcessTree): Promise<void> {
    let killing: number | null = null
    for (;;) {
      // While nobody can be looked at nobody is signalled either.
      if (this.#wish === 'kill' && (killing === null || isBlind())) killing = performance.now()
      const alive = await (killing === null ? tree.terminate() : tree.kill())
      if (alive.length === 0) return
      if (killing !== null && performance.now() - killing > unkillable) return this.#giveUp(tree)
      do await delay(look)
      while (this.#wish !== 'kill' && tree.remaining().length > 0)
    }
  }

  #giveUp(tree: ProcessTree): void {
    const names = tree.remaining().map(({ pid, name }) => `${name} (pid ${pid})`)
    const { app, run } = this.#spawn
    this.#habitat.notice('error', `${app} run ${run}: ${names.join(', ')} did not end by SIGKILL and is left behind`)
  }

  async #probe(effect: ProbeEffect): Promise<void> {
    this.#pending = null
    if (this.#probing || this.#subject === null) return // The one that is under way answers for this one too.
    this.#probing = true
    const result = await fairProbe(effect, this.#subject, this.#ended.signal, this.#habitat)
    this.#probing = false
    if (this.#ended.signal.aborted) return
    if (result === null) return this.probe({ ...effect, after: lookAgain })
    if (result.ok) {
      if (!this.#wasReady) this.#note({ address: result.address })
      this.#wasReady = true
    }
    this.#memory = vitalsOf(this.#subject.pid)?.memory ?? this.#memory
    this.#habitat.report({ type: 'probed', run: effect.run, result })
  }
}
