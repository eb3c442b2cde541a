import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { shown } from './display.ts'
import { messageOf, reasonOf } from './errno.ts'
import { extensionOf } from './names.ts'

/** What one look at an entry of `apps/` saw. */
export type Sight =
  | { readonly kind: 'missing' }
  /** A socket, a pipe, a device: made by an app, never an app. */
  | { readonly kind: 'special' }
  /** A link that leads nowhere, in a circle or out of `apps/`; `reason` is the sentence about it. */
  | { readonly kind: 'astray'; readonly print: string; readonly reason: string }
  | Found

export interface Found {
  readonly kind: 'file' | 'folder'
  /** Where it really is: differs from its path in `apps/` when it is a link. */
  readonly real: string
  readonly isLink: boolean
  /** Changes whenever anything changes that makes another release. */
  readonly print: string
  /** Like `print`, and also changes while a folder is still being filled. */
  readonly stir: string
  /** When it last changed in any way, in milliseconds since the epoch. */
  readonly changedAt: number
  readonly mode: number
  readonly size: number
  /** What must not be open for writing when it is run. */
  readonly files: readonly OnDisk[]
}

export interface OnDisk {
  readonly path: string
  readonly dev: bigint
  readonly ino: bigint
}

/** In a folder app only these are looked at, and what its command names: never the whole tree. */
function entryFiles(folder: string): readonly string[] {
  return ['app.json', 'run', 'start', path.basename(folder), 'Procfile', 'package.json']
}

/** `extras` are further file names in a folder that its command was found to name. */
export async function look(appsDir: string, entry: string, extras: readonly string[]): Promise<Sight> {
  const file = path.join(appsDir, entry)
  let stats: BigIntStats
  let real = file
  let isLink = false
  try {
    stats = await lstat(file, { bigint: true })
    if (stats.isSymbolicLink()) {
      isLink = true
      const followed = await follow(appsDir, file)
      if (followed.kind === 'astray') return { ...followed, print: `${printOf(stats)} ${followed.print}` }
      real = followed.real
      stats = await stat(real, { bigint: true })
    }
  } catch (error) {
    const code = reasonOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return (await isUnspeakable(appsDir, entry)) ? unspeakable : { kind: 'missing' }
    }
    return { kind: 'astray', print: `error ${code}`, reason: `cannot be looked at: ${messageOf(error)}` }
  }
  if (stats.isFile()) return ofFile(stats, real, isLink)
  return stats.isDirectory() ? await ofFolder(stats, real, isLink, extras) : { kind: 'special' }
}

function ofFile(stats: BigIntStats, real: string, isLink: boolean): Found {
  const print = `${isLink ? `${real} ` : ''}${printOf(stats)}`
  return {
    kind: 'file',
    real,
    isLink,
    print,
    stir: print,
    changedAt: lastChange(stats),
    mode: Number(stats.mode),
    size: Number(stats.size),
    files: [{ path: real, dev: stats.dev, ino: stats.ino }],
  }
}

async function ofFolder(stats: BigIntStats, real: string, isLink: boolean, extras: readonly string[]): Promise<Found> {
  const names = [...new Set([...entryFiles(real), ...extras])]
  const found = await Promise.all(names.map(async (name) => await statOrNull(path.join(real, name))))
  const prints = [`${real} ${stats.dev}:${stats.ino}`]
  const files: OnDisk[] = []
  let changedAt = lastChange(stats)
  for (const [index, it] of found.entries()) {
    if (it === null) continue
    prints.push(`${names[index]} ${printOf(it)}`)
    if (!it.isFile()) continue
    files.push({ path: path.join(real, names[index] ?? ''), dev: it.dev, ino: it.ino })
    changedAt = Math.max(changedAt, lastChange(it))
  }
  const print = prints.join('\n')
  const stir = `${print}\n${stats.mtimeNs}`
  return { kind: 'folder', real, isLink, print, stir, changedAt, mode: Number(stats.mode), size: 0, files }
}

/** Whether an entry will be an app before anybody has read it. */
export function isLikelyApp(entry: string, found: Found): boolean {
  return found.kind === 'folder' || (found.mode & 0o111) !== 0 || extensionOf(entry) === ''
}

type Followed =
  | { readonly kind: 'found'; readonly real: string }
  | { readonly kind: 'astray'; readonly print: string; readonly reason: string }

async function follow(appsDir: string, link: string): Promise<Followed> {
  const target = await readlink(link)
  let real: string
  try {
    real = await realpath(link)
  } catch (error) {
    const code = reasonOf(error)
    const astray = (reason: string): Followed => ({ kind: 'astray', print: `${code} ${target}`, reason })
    if (code === 'ELOOP') return astray(`a loop of symbolic links, through ${shown(path.resolve(appsDir, target))}`)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      return astray(`dangling symbolic link: waiting for ${shown(path.resolve(appsDir, target))}, which does not exist`)
    }
    return astray(`its symbolic link cannot be followed: ${messageOf(error)}`)
  }
  const home = await realpath(appsDir)
  if (real.startsWith(home + path.sep)) return { kind: 'found', real: path.join(appsDir, path.relative(home, real)) }
  const reason = `its symbolic link leaves ${shown(appsDir)}: it is really ${shown(real)}; copy it instead`
  return { kind: 'astray', print: `outside ${real}`, reason }
}

const unspeakable: Sight = {
  kind: 'astray',
  print: 'not UTF-8',
  reason: 'its name is not valid UTF-8, so it cannot be opened by name; rename it',
}

/** Bytes that are no UTF-8 come back from `readdir` as replacement characters, and nothing is found under that name. */
async function isUnspeakable(appsDir: string, entry: string): Promise<boolean> {
  return entry.includes('\ufffd') && (await namesIn(appsDir)).includes(entry)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch {
    return []
  }
}

async function statOrNull(file: string): Promise<BigIntStats | null> {
  try {
    return await stat(file, { bigint: true })
  } catch {
    return null
  }
}

// ctime is part of it because chmod changes nothing else, and because nobody can set it back.
function printOf(stats: BigIntStats): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs, stats.mode].join(':')
}

function lastChange(stats: BigIntStats): number {
  return Number((stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs) / 1_000_000n)
}
