import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { readProc } from '../lib/proc.ts'
import { reasonOf } from './errno.ts'

/** A process is its PID *and* its start time: a PID alone may have been given to somebody else. */
export interface ProcessId {
  readonly pid: number
  /** Linux: clock ticks since boot, field 22 of /proc/PID/stat. Elsewhere: what `ps -o lstart` prints. */
  readonly started: string
}

export interface ProcessEntry extends ProcessId {
  readonly ppid: number
  readonly group: number
  readonly session: number
  /** The kernel's short name, for messages. */
  readonly name: string
  /** A zombie has ended and only waits for its parent to notice. */
  readonly zombie: boolean
}

/** All processes at one moment, by PID. */
export type Snapshot = ReadonlyMap<number, ProcessEntry>

const linux = process.platform === 'linux'

/** Two scans never begin closer together than this (milliseconds): calls in between share the next one. */
const pace = 20

/** How many files of /proc are read in one turn of the event loop: some 64 × 10 µs. */
const perTurn = 64

/**
 * The table of processes, read at most once in 20 ms however many runs ask. Every call is answered by a scan that began
 * *after* the call, so that "nobody is left" is never concluded from an old picture.
 */
export class ProcessTable {
  #next: Promise<Snapshot> | null = null
  #begun = -Infinity
  #last: Snapshot = new Map()
  #markers = new Map<number, { readonly started: string; readonly marker: string | null }>()

  scan(): Promise<Snapshot> {
    this.#next ??= this.#scanSoon()
    return this.#next
  }

  /**
   * The value of QUAYMASTER_INSTANCE that a process was started with. It survives setsid, double forks and the death of
   * every parent; it is lost by a program that clears its environment or overwrites it to set its title.
   * Linux only: macOS shows the environment of others to nobody (System Integrity Protection), and there group, session
   * and parents have to do.
   */
  markerOf(entry: ProcessEntry): string | null {
    if (!linux) return null
    const known = this.#markers.get(entry.pid)
    if (known?.started === entry.started) return known.marker
    const environ = tryRead(`/proc/${entry.pid}/environ`)
    if (environ === undefined) return null
    const marker = parseMarker(environ ?? '')
    // Between fork and exec our own child still shows our environment: its answer is not final.
    if (entry.ppid !== process.pid) this.#markers.set(entry.pid, { started: entry.started, marker })
    return marker
  }

  async #scanSoon(): Promise<Snapshot> {
    const wait = this.#begun + pace - performance.now()
    // Never without an await: `#next` has to be set before it is cleared.
    await (wait > 0 ? delay(wait) : undefined)
    this.#next = null
    this.#begun = performance.now()
    // Out of descriptors, or no `ps`: the last picture holds until the next one can be taken, nobody is taken for gone.
    const snapshot = await (linux ? scanProc() : scanPs()).catch(() => this.#last)
    this.#last = snapshot
    for (const pid of this.#markers.keys()) if (!snapshot.has(pid)) this.#markers.delete(pid)
    return snapshot
  }
}

/**
 * One process as it is right now, or null: there is none. Undefined when nobody can tell, which is not the same: we are
 * out of descriptors, or this is not Linux, where it would take a process to ask.
 */
export function lookUp(pid: number): ProcessEntry | null | undefined {
  const text = linux ? tryRead(`/proc/${pid}/stat`) : undefined
  return text === undefined ? undefined : parseStat(text ?? '')
}

/** The same everywhere, at the price of a look at all processes where it has to be. A zombie is nobody. */
export async function lookOnce(pid: number): Promise<ProcessId | null> {
  const entry = linux
    ? lookUp(pid)
    : await scanPs().then(
        (all) => all.get(pid),
        () => null,
      )
  return entry && !entry.zombie ? { pid, started: entry.started } : null
}

/** Whether `lookUp` can answer on this platform. */
export const canLookUp: boolean = linux

/** Whether we cannot look at any process right now: what is not done meanwhile is not the processes' fault. */
export function isBlind(): boolean {
  return canLookUp && lookUp(process.pid) === undefined
}

/** Whether somebody has this PID, whoever that is; for when nothing better can be asked. It takes no descriptor. */
export function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return reasonOf(error) === 'EPERM'
  }
}

/** When a process began that we have just started; '0' when it has ended already and left no trace. */
export async function startTimeOf(pid: number, table: Pick<ProcessTable, 'scan'>): Promise<string> {
  const begun = performance.now()
  for (;;) {
    const entry = lookUp(pid) ?? (await table.scan()).get(pid)
    if (entry) return entry.started
    // Without it the process would be nobody's: worth a moment's wait for a descriptor.
    if (!canLookUp || lookUp(pid) === null || performance.now() - begun > sightPatience) return '0'
    await delay(pace)
  }
}

const sightPatience = 2_000 // milliseconds

/**
 * proc_pid_stat(5). The second field is the name in parentheses and may itself hold spaces and parentheses, so the
 * fields are counted from the *last* `)`.
 */
export function parseStat(text: string): ProcessEntry | null {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 1 || close < open) return null
  const pid = Number(text.slice(0, open))
  const fields = text.slice(close + 2).split(' ')
  const [state, ppid, group, session] = fields
  const threads = fields[17]
  const started = fields[19]
  if (!Number.isInteger(pid) || pid < 1 || !state || !started || !/^\d+$/.test(started)) return null
  // A leading thread that has ended is shown as a zombie although its other threads live on.
  const zombie = (state === 'Z' || state === 'X') && Number(threads) <= 1
  return {
    pid,
    started,
    ppid: Number(ppid),
    group: Number(group),
    session: Number(session),
    name: text.slice(open + 1, close),
    zombie,
  }
}

/** The value of QUAYMASTER_INSTANCE in the text of /proc/PID/environ (entries end with NUL). */
export function parseMarker(environ: string): string | null {
  return /(?:^|\0)QUAYMASTER_INSTANCE=([0-9a-f]{8,64})(?:\0|$)/.exec(environ)?.[1] ?? null
}

/** A line of `ps -axo pid=,ppid=,pgid=,sess=,stat=,lstart=,comm=`; lstart is five words: `Sat Nov 21 10:00:00 2026`. */
export function parsePs(line: string): ProcessEntry | null {
  const words = line.trim().split(/\s+/)
  const [pid, ppid, group, session, state] = words
  if (words.length < 10 || !pid || !/^\d+$/.test(pid) || !state) return null
  return {
    pid: Number(pid),
    started: words.slice(5, 10).join(' '),
    ppid: Number(ppid),
    group: Number(group),
    // macOS prints 0 or a kernel address here, which is no PID: then the session says nothing.
    session: Number.isInteger(Number(session)) ? Number(session) : 0,
    name: words.slice(10).join(' '),
    zombie: state.startsWith('Z'),
  }
}

async function scanProc(): Promise<Snapshot> {
  const snapshot = new Map<number, ProcessEntry>()
  let count = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    if (++count % perTurn === 0) await nextTurn()
    const entry = parseStat(read(`/proc/${name}/stat`) ?? '')
    if (entry) snapshot.set(entry.pid, entry)
  }
  return snapshot
}

async function scanPs(): Promise<Snapshot> {
  const snapshot = new Map<number, ProcessEntry>()
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=,pgid=,sess=,stat=,lstart=,comm='], {
    timeout: 2_000,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C' },
  })
  for (const line of stdout.split('\n')) {
    const entry = parsePs(line)
    if (entry) snapshot.set(entry.pid, entry)
  }
  return snapshot
}

/** Processes end while they are looked at, and others' environments are closed to us: answers, not errors. */
function read(path: string): string | null {
  try {
    return readProc(path)
  } catch (error) {
    if (['EMFILE', 'ENFILE', 'ENOMEM'].includes(reasonOf(error) ?? '')) throw error
    return null
  }
}

/** Undefined when we are out of descriptors and cannot tell. */
function tryRead(path: string): string | null | undefined {
  try {
    return read(path)
  } catch {
    return undefined
  }
}
