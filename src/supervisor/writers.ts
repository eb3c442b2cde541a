import { execFile } from 'node:child_process'
import { readdirSync, readlinkSync, statSync } from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { readProc } from '../lib/proc.ts'
import type { OnDisk } from './sight.ts'

/**
 * Who still has a file open for writing. Only asked about files that have been quiet: a linker between two writes, or
 * an upload that stalls, is then told apart from a finished file.
 */
export interface Writers {
  /** Whether the platform can tell at all; where it cannot, a longer quiet has to do. */
  readonly canTell: boolean
  /** True when some process that this user may look into has one of the files open for writing. */
  anyOf(files: readonly OnDisk[]): Promise<boolean>
}

export function findWriters(platform: string = process.platform): Writers {
  if (platform === 'linux') return batched(scanProc)
  // lsof takes a moment but ships with macOS.
  if (platform === 'darwin') return batched(askLsof)
  return { canTell: false, anyOf: async () => false }
}

type Scan = (files: readonly OnDisk[]) => Promise<ReadonlySet<string>>

/** One scan answers everybody who asked before it began: sixty files dropped at once cost one or two scans. */
function batched(scan: Scan): Writers {
  let waiting: OnDisk[] = []
  let next: Promise<ReadonlySet<string>> | null = null
  let last: Promise<unknown> = Promise.resolve()
  return {
    canTell: true,
    anyOf: async (files) => {
      waiting.push(...files)
      next ??= last.then(async () => {
        const asked = waiting
        waiting = []
        next = null
        return await scan(asked)
      })
      const mine = next
      last = mine.catch(() => undefined)
      const open = await mine
      return files.some((it) => open.has(keyOf(it)))
    },
  }
}

function keyOf(file: OnDisk): string {
  return `${file.dev}:${file.ino}`
}

/** How long the event loop may be kept by one slice of a scan, in milliseconds. */
const slice = 2

/** A scan that takes longer than this, on a machine that is busy, is given up: better a start too early than none. */
const scanLimit = 5_000

/**
 * Looks at every file descriptor there is. Reading /proc never waits for a disk, and a synchronous call is a tenth of
 * the price of an asynchronous one, so it is done in slices. Candidates are found by the last part of the path, which
 * follows a rename, and confirmed by device and inode.
 */
async function scanProc(files: readonly OnDisk[]): Promise<ReadonlySet<string>> {
  const wanted = new Set(files.map(keyOf))
  const names = new Set(files.map((it) => path.basename(it.path)))
  const open = new Set<string>()
  const startedAt = performance.now()
  let sliceEnds = startedAt + slice
  for (const pid of entriesOf('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const fd of entriesOf(`/proc/${pid}/fd`)) {
      const key = writerKey(pid, fd, names)
      if (key !== null && wanted.has(key)) open.add(key)
    }
    if (performance.now() < sliceEnds) continue
    if (performance.now() - startedAt > scanLimit) break
    await nextTurn()
    sliceEnds = performance.now() + slice
  }
  return open
}

function writerKey(pid: string, fd: string, names: ReadonlySet<string>): string | null {
  try {
    const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
    if (!names.has(path.basename(target))) return null
    // The flags are octal; their lowest two bits are O_RDONLY 0, O_WRONLY 1, O_RDWR 2.
    const flags = /^flags:\s*(\d+)/m.exec(readProc(`/proc/${pid}/fdinfo/${fd}`))?.[1]
    if (flags === undefined || (Number.parseInt(flags, 8) & 3) === 0) return null
    const { dev, ino } = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    // It was closed meanwhile, or belongs to somebody else.
    return null
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** `-F ain` prints a line per field: `a` access (r, w, u), `i` inode, `n` name; lsof exits with 1 when nothing is open. */
async function askLsof(files: readonly OnDisk[]): Promise<ReadonlySet<string>> {
  const args = ['-w', '-F', 'aDi', '--', ...files.slice(0, 256).map((it) => it.path)]
  const stdout = await new Promise<string>((resolve) => {
    execFile('lsof', args, { timeout: scanLimit, maxBuffer: 1024 * 1024 }, (_error, out) => resolve(out))
  })
  const byInode = new Map(files.map((it) => [String(it.ino), keyOf(it)]))
  const open = new Set<string>()
  let access = ''
  for (const line of stdout.split('\n')) {
    if (line.startsWith('f')) access = ''
    if (line.startsWith('a')) access = line.slice(1)
    const key = line.startsWith('i') ? byInode.get(line.slice(1)) : undefined
    if (key !== undefined && (access === 'w' || access === 'u')) open.add(key)
  }
  return open
}
