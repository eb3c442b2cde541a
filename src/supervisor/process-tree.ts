import { setTimeout as delay } from 'node:timers/promises'
import { killGroup, membersOf } from './cgroups.ts'
import {
  canLookUp,
  exists,
  lookUp,
  type ProcessEntry,
  type ProcessId,
  type ProcessTable,
  type Snapshot,
} from './process-table.ts'

/** What a run is known by. */
export interface Root extends ProcessId {
  /** The random value of QUAYMASTER_INSTANCE that this spawn alone was given. */
  readonly marker: string
  /** The folder of the control group that this spawn alone was born in, if any. */
  readonly cgroup: string | null
}

/** What the members of a tree are recognised by, beside its root. */
export interface Hints {
  readonly marker: string
  /** The root's PID: also the number of its process group and session, because it was spawned `detached`. */
  readonly group: number
  /** When the root started: nobody who is older can descend from it. NaN where start times cannot be compared. */
  readonly since: number
  /** Members found earlier, start time by PID. */
  readonly known: ReadonlyMap<number, string>
  /** Whether group and session may be believed without a member that proves them (see `findMembers`). */
  readonly trustGroup: boolean
  /** Who is in its control group. Asked after the snapshot was taken: a PID given away since has another start time. */
  readonly confined: ReadonlySet<number>
  markerOf(entry: ProcessEntry): string | null
}

/**
 * All processes that descend from one spawn: the union of process group, session, the walk along parents, the marker in
 * the environment and the control group, because each alone misses somebody (a group misses `setsid`, the walk misses
 * orphans, the marker misses a cleared environment, and control groups are not to be had everywhere).
 *
 * A PID used as the number of a group or session is not given to a new process while that group or session has
 * members. So the number proves membership only while somebody who is ours by other means is in it; once all had left,
 * it might be a stranger's. Hence `trustGroup` only while the root lives or has just ended.
 */
export function findMembers(snapshot: Snapshot, hints: Hints): Map<number, ProcessEntry> {
  const candidates = [...snapshot.values()].filter((entry) => isTouchable(entry.pid) && !isOlder(entry, hints.since))
  const members = new Map<number, ProcessEntry>()
  for (const entry of candidates) {
    const isKnown = hints.known.get(entry.pid) === entry.started || hints.confined.has(entry.pid)
    if (isKnown) members.set(entry.pid, entry)
  }
  for (const entry of candidates) {
    if (!members.has(entry.pid) && hints.markerOf(entry) === hints.marker) members.set(entry.pid, entry)
  }
  const inGroup = (entry: ProcessEntry): boolean => entry.group === hints.group || entry.session === hints.group
  if (hints.trustGroup || members.values().some(inGroup)) {
    for (const entry of candidates) if (inGroup(entry)) members.set(entry.pid, entry)
  }
  const children = Map.groupBy(candidates, (entry) => entry.ppid)
  // A Map may grow while it is walked: the children of children are reached as well.
  for (const pid of members.keys()) {
    for (const child of children.get(pid) ?? []) members.set(child.pid, child)
  }
  return members
}

function isOlder(entry: ProcessEntry, since: number): boolean {
  return Number(entry.started) < since
}

/** Between two attempts while no process can be looked at (milliseconds). */
const blindPause = 100

/** How long after the end of the root its group's number is believed without further proof (milliseconds). */
const groupTrust = 1_000

/** The process tree of one run: finds its members and signals them, and nobody else. */
export class ProcessTree {
  readonly root: Root
  readonly #table: Pick<ProcessTable, 'scan' | 'markerOf'>
  readonly #known = new Map<number, string>()
  readonly #names = new Map<number, string>()
  readonly #groups = new Set<number>()
  readonly #told = new Set<string>()
  #rootEnded: number | null = null

  constructor(table: Pick<ProcessTable, 'scan' | 'markerOf'>, root: Root) {
    this.#table = table
    this.root = root
    this.#known.set(root.pid, root.started)
    this.#groups.add(root.pid)
  }

  /** The root has been waited for: from now on its PID may be anybody's. */
  rootEnded(): void {
    this.#rootEnded ??= performance.now()
    this.#known.delete(this.root.pid)
  }

  /** Everybody who is alive, from a fresh look at all processes. */
  async members(): Promise<readonly ProcessEntry[]> {
    const scanned = await this.#table.scan()
    const confined = membersOf(this.root.cgroup)
    const snapshot = new Map([...scanned, ...this.#newcomers(scanned, confined)])
    const found = findMembers(snapshot, {
      marker: this.root.marker,
      group: this.root.pid,
      since: Number(this.root.started),
      known: this.#known,
      trustGroup: this.#trustGroup(snapshot),
      confined,
      markerOf: (entry) => this.#table.markerOf(entry),
    })
    this.#known.clear()
    this.#names.clear()
    const alive: ProcessEntry[] = []
    for (const entry of found.values()) {
      if (entry.zombie) continue
      alive.push(entry)
      this.#known.set(entry.pid, entry.started)
      this.#names.set(entry.pid, entry.name)
      this.#groups.add(entry.pid)
    }
    return alive
  }

  /** Those of the members found last who are still alive; cheap, finds nobody new. */
  remaining(): readonly { readonly pid: number; readonly name: string }[] {
    return [...this.#known.keys()]
      .filter((pid) => this.#isOurs(pid) ?? exists(pid))
      .map((pid) => ({ pid, name: this.#names.get(pid) ?? '?' }))
  }

  /**
   * SIGTERM to every member that has not had it from us yet (many programs take a second one for impatience); resolves
   * with all who were alive. A stopped process is woken so that it can obey. As long as it cannot be told whether they are
   * ours it waits: nobody else repeats it.
   */
  async terminate(): Promise<readonly ProcessEntry[]> {
    for (;;) {
      const members = await this.members()
      const untold = members.filter(({ pid, started }) => !this.#told.has(`${pid} ${started}`))
      for (const { pid, started } of untold) {
        if (this.#isOurs(pid) === undefined) continue
        this.#told.add(`${pid} ${started}`)
        this.#send(pid, 'SIGTERM')
        this.#send(pid, 'SIGCONT')
      }
      if (untold.every(({ pid, started }) => this.#told.has(`${pid} ${started}`))) return members
      await delay(blindPause, undefined, { ref: false })
    }
  }

  /** Another gateway has sent SIGTERM to all who are there now. */
  async assumeTold(): Promise<void> {
    for (const { pid, started } of await this.members()) this.#told.add(`${pid} ${started}`)
  }

  /** SIGKILL to every member; resolves with those who were alive. */
  async kill(): Promise<readonly ProcessEntry[]> {
    const members = await this.members()
    if (members.length > 0) await killGroup(this.root.cgroup)
    const groups = new Set(members.map((entry) => entry.group).filter((group) => this.#groups.has(group)))
    // Whole groups first: only the kernel can do it in one step, so that a process that forks all the time cannot outrun us.
    for (const group of groups) {
      const pinned = members.some((entry) => entry.group === group && this.#isOurs(entry.pid))
      if (pinned) signal(-group, 'SIGKILL')
    }
    for (const entry of members) if (!groups.has(entry.group)) this.#send(entry.pid, 'SIGKILL')
    return members
  }

  /** Who came into its control group after the snapshot was taken, by PID. */
  #newcomers(snapshot: Snapshot, confined: ReadonlySet<number>): Map<number, ProcessEntry> {
    const unseen = [...confined].filter((pid) => !snapshot.has(pid))
    if (unseen.length === 0) return new Map()
    const entries = new Map(
      unseen.flatMap((pid) => {
        const entry = lookUp(pid)
        return entry ? [[pid, entry] as const] : []
      }),
    )
    // Still there after it was looked at: it is not another one to whom the PID was given meanwhile.
    const still = membersOf(this.root.cgroup)
    for (const pid of entries.keys()) if (!still.has(pid)) entries.delete(pid)
    return entries
  }

  #trustGroup(snapshot: Snapshot): boolean {
    if (this.#rootEnded !== null) return performance.now() - this.#rootEnded < groupTrust
    return snapshot.get(this.root.pid)?.started === this.root.started
  }

  #send(pid: number, name: NodeJS.Signals): void {
    if (this.#isOurs(pid)) signal(pid, name)
  }

  /**
   * Asked right before every signal, because the member may have ended since and its PID may have been given away.
   * Undefined when it cannot be told: then it is neither signalled nor taken for gone.
   */
  #isOurs(pid: number): boolean | undefined {
    const started = this.#known.get(pid)
    if (started === undefined || !isTouchable(pid)) return false
    if (!canLookUp) return exists(pid)
    const entry = lookUp(pid)
    if (entry === undefined) return undefined
    return entry !== null && entry.started === started && !entry.zombie
  }
}

/** Never init, never ourselves, and never what `kill` would read as "everybody". */
function isTouchable(pid: number): boolean {
  return Number.isInteger(pid) && pid > 1 && pid !== process.pid
}

function signal(pid: number, name: NodeJS.Signals): void {
  if (!isTouchable(Math.abs(pid))) return
  try {
    process.kill(pid, name)
  } catch {
    // ESRCH: it has just ended. EPERM: it changed its user; the caller sees it among the survivors.
  }
}
