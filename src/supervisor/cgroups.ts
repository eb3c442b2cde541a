import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { readProc } from '../lib/proc.ts'
import { delegationQuery, isGroupPath, placeIn } from './cgroup-place.ts'
import { reasonOf } from './errno.ts'
import type { Notice } from './notice.ts'

/**
 * Control groups (cgroups(7), version 2), one for each run, where we may make them: nobody leaves one by setsid, a double
 * fork or a cleared environment. They need no controller: nothing is limited or counted by them.
 */
export class Cgroups {
  /** The folder of our own group; null where we may make none below it. */
  readonly #found: Promise<void>
  #place: string | null = null
  readonly #notice: Notice
  #warming: Promise<void> | null = null

  constructor(notice: Notice) {
    this.#notice = notice
    this.#found = findPlace().then((place) => void (this.#place = place))
  }

  /** A path for the group of one more run; nothing is there yet. Null where there cannot be any. */
  async choose(): Promise<string | null> {
    await this.#found
    return this.#place && join(this.#place, newName())
  }

  /**
   * Makes a group, and what `within` does quick: for the first move in a while the kernel waits until every processor was
   * seen to let go (an RCU grace period, 12 ms measured). Here it is a thread of the pool that waits, not the event loop.
   * That move is the last thing, and what follows must call `within` in the same turn: whatever is written by a thread
   * meanwhile would take us back from where the child is to be born (1 of 200 starts at once, measured).
   */
  async ready(group: string | null = null): Promise<void> {
    await this.#found
    if (this.#place === null) return
    if (group !== null) await mkdir(group).catch(() => {})
    this.#warming ??= stay(this.#place)
      .catch(() => {})
      .finally(() => (this.#warming = null))
    await this.#warming
  }

  /**
   * Has `start` spawn a child that is in a group from its first instruction on: it is born where its parent is, so we go
   * there for that moment (0.3 ms) and return. Moved afterwards it would have left children behind, each time that was
   * measured; and a shell that moves itself first changes the environment and what can be said of a failed start. Where
   * the group cannot be had the child starts without.
   */
  within<T>(group: string | null, start: () => T): T {
    const place = this.#place
    if (place === null || group === null) return start()
    // Without any wait until the return, so that nothing else of ours is born there.
    const entered = enter(group)
    try {
      return start()
    } finally {
      if (entered && !move(place)) this.#lose(group, place)
    }
  }

  #lose(group: string, place: string): void {
    this.#place = null
    this.#notice('warn', `The gateway cannot return from ${group} to ${place}; no further control groups are used.`)
  }
}

/** PIDs of all who are in a group of ours or below it; none if we have not come back from there, because then it says nothing. */
export function membersOf(group: string | null): ReadonlySet<number> {
  const members = isGroupPath(group) ? everybodyIn(group) : new Set<number>()
  return members.has(process.pid) ? new Set() : members
}

function everybodyIn(group: string): Set<number> {
  const members = new Set<number>()
  const folders = [group]
  // An array may grow while it is walked.
  for (const folder of folders) {
    for (const line of read(join(folder, 'cgroup.procs')).split('\n')) if (Number(line) > 1) members.add(Number(line))
    if (folders.length < mostFolders) folders.push(...foldersIn(folder))
  }
  return members
}

/** An app may make groups of its own below ours; SIGKILL reaches all of them, but no more than so many are listed. */
const mostFolders = 1_000

/** SIGKILL to all in a group at once, those just being born too. Does nothing before Linux 5.14, nor if we are in it. */
export async function killGroup(group: string | null): Promise<void> {
  if (!isGroupPath(group) || everybodyIn(group).has(process.pid)) return
  await writeFile(join(group, 'cgroup.kill'), '1').catch(() => {})
}

/** Removes a group whose run is over, with whoever should still be in it. What cannot be removed is left to a later start. */
export async function dropGroup(group: string | null): Promise<void> {
  if (!isGroupPath(group)) return
  for (let tries = 0; tries < mostTries && !(await removed(group)); tries++) {
    await killGroup(group)
    await delay(pause)
  }
}

const pause = 25 // milliseconds
const mostTries = 200

async function findPlace(): Promise<string | null> {
  const place = placeIn(read('/proc/self/cgroup'), read('/proc/self/mountinfo'))
  if (place === null || !(await isLeftToUs(place))) return null
  const trial = join(place, newName())
  try {
    await mkdir(trial)
    await stay(place)
    // The way there and back: what a child would need.
    if (!enter(trial) || !move(place)) return null
    await sweep(place)
    return place
  } catch {
    return null
  } finally {
    await rmdir(trial).catch(() => {})
  }
}

/** Where systemd runs it owns all groups but those of units with `Delegate=`. */
async function isLeftToUs(place: string): Promise<boolean> {
  if (!existsSync('/run/systemd/system')) return true
  const query = delegationQuery(place)
  if (query === null) return false
  const asked = promisify(execFile)('systemctl', query, { timeout: 2_000 })
  return asked.then(
    ({ stdout }) => stdout.trim() === 'yes',
    () => false,
  )
}

function newName(): string {
  return `quaymaster-${randomBytes(8).toString('hex')}`
}

/** Removes empty groups that fleets have left which were killed with their guardians. Whose gateway lives makes its anew. */
async function sweep(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const group = join(place, name)
    if (!isGroupPath(group)) continue
    if (/^populated 0$/m.test(read(join(group, 'cgroup.events')))) await removed(group)
  }
}

/** Innermost first. */
async function removed(folder: string): Promise<boolean> {
  for (const inner of foldersIn(folder)) await removed(inner)
  return await rmdir(folder).then(
    () => true,
    (error: unknown) => reasonOf(error) === 'ENOENT',
  )
}

/** Other gateways sweep when they start, and may have swept it away before anybody was in it: each of them at most once. */
function enter(group: string): boolean {
  for (let tries = 0; tries < mostSweeps; tries++) {
    if (move(group)) return true
    try {
      mkdirSync(group)
    } catch (error) {
      if (reasonOf(error) !== 'EEXIST') return false
    }
  }
  return false
}

const mostSweeps = 5

/** Moves this process with all its threads. */
function move(folder: string): boolean {
  try {
    writeFileSync(join(folder, 'cgroup.procs'), '0')
    return true
  } catch {
    return false
  }
}

/** The same, to where we are. */
async function stay(place: string): Promise<void> {
  await writeFile(join(place, 'cgroup.procs'), '0')
}

function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.flatMap((it) => (it.isDirectory() ? [join(folder, it.name)] : []))
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readProc(path)
  } catch {
    return ''
  }
}
