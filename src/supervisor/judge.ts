import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Launch } from '../model/protocol.ts'
import type { AppSettings } from '../model/settings.ts'
import { digestOf } from './digest.ts'
import { discover, type Settings } from './discover.ts'
import { shown } from './display.ts'
import type { Machine } from './elf.ts'
import { childEnvironment } from './environment.ts'
import { messageOf } from './errno.ts'
import { launchOf } from './launch.ts'
import { printable } from './names.ts'
import { missingCommand, preflight } from './preflight.ts'
import type { Told } from './register.ts'
import { look, type Found } from './sight.ts'
import type { Archive, Instead } from './archive.ts'
import type { Copy, Versions } from './versions.ts'

export type Judgement =
  | {
      readonly kind: 'launch'
      readonly settings: AppSettings
      readonly launch: Launch
      readonly copy: Copy | null
      /** Set when kept bytes run in place of those that lie in `apps/`. */
      readonly instead?: Instead
      readonly extras: readonly string[]
    }
  | {
      readonly kind: 'remote'
      readonly settings: AppSettings
      readonly url: string
      readonly extras: readonly string[]
    }
  | Refusal

export interface Refusal {
  readonly kind: 'refused'
  readonly settings: AppSettings
  readonly reason: string
  readonly source: string
  /** May only be the beginning of what is still to come. */
  readonly unfinished: boolean
  /** Something outside `apps/` is missing: worth another look now and then. */
  readonly mayHeal: boolean
  readonly extras: readonly string[]
}

export interface Bench {
  readonly appsDir: string
  readonly config: Settings
  readonly versions: Versions
  readonly archive: Archive
  readonly machine: Machine
}

/**
 * What becomes of a file or folder that is at rest and owns its name; null when it changed while it was read and
 * copied. `extras` are the further files of a folder that were looked at, `known` its copy, if it is the same still.
 */
export async function judgeSteadily(
  bench: Bench,
  app: string,
  entry: string,
  found: Found,
  extras: readonly string[],
  known: Copy | null,
  attempts = 3,
): Promise<Steady | null> {
  let judgement: Judgement | null = null
  let failure: unknown
  try {
    judgement = await judge(bench, app, entry, found, known)
  } catch (error) {
    failure = error
  }
  const after = await look(bench.appsDir, entry, extras)
  if ((after.kind !== 'file' && after.kind !== 'folder') || after.print !== found.print) return null
  if (judgement === null) throw failure
  const used = judgement.extras
  if (used.length === extras.length && used.every((it) => extras.includes(it))) {
    return { judgement, print: found.print, extras }
  }
  // A folder's command names other files than were looked at: read it again with those in view.
  const other = await look(bench.appsDir, entry, used)
  if ((other.kind !== 'file' && other.kind !== 'folder') || attempts === 0) return null
  return await judgeSteadily(bench, app, entry, other, used, known, attempts - 1)
}

export interface Steady {
  readonly judgement: Judgement
  /** The print of what was judged, with `extras` in view. */
  readonly print: string
  readonly extras: readonly string[]
}

async function judge(bench: Bench, app: string, entry: string, found: Found, known: Copy | null): Promise<Judgement> {
  return found.kind === 'folder'
    ? await judgeFolder(bench, app, entry, found)
    : await judgeFile(bench, app, entry, found, known)
}

/** What becomes of an app that only the configuration speaks of. */
export async function judgeDeclared(appsDir: string, config: Settings, app: string): Promise<Judgement> {
  const settings = config.settingsFor(app)
  if (settings.target !== null) return { kind: 'remote', settings, url: settings.target, extras: [] }
  const { command } = settings
  if (command === null) {
    return refusal(settings, shown(path.join(appsDir, app)), `no executable called ${app} in ${shown(appsDir)}`)
  }
  const source = printable(command.join(' '))
  const missing = await missingCommand(command[0] ?? '', searchPathOf(settings), settings.cwd ?? appsDir)
  if (missing !== null) return { ...refusal(settings, source, missing), mayHeal: true }
  const launch = launchOf({ argv: command, content: '', cwd: appsDir, source }, settings)
  return { kind: 'launch', settings, launch, copy: null, extras: [] }
}

export function refusal(settings: AppSettings, source: string, reason: string): Refusal {
  return { kind: 'refused', settings, reason, source, unfinished: false, mayHeal: false, extras: [] }
}

/** A judgement in the words of the supervisor. */
export function told(app: string, judgement: Judgement): Told {
  const { settings } = judgement
  switch (judgement.kind) {
    case 'launch':
      return { type: 'offered', app, settings, launch: judgement.launch, ...rejectedOf(judgement.instead) }
    case 'remote':
      return { type: 'remote', app, settings, url: judgement.url }
    case 'refused':
      return { type: 'refused', app, settings, source: judgement.source, reason: judgement.reason }
  }
}

function rejectedOf(instead: Instead | undefined): { rejected?: { version: string; reason: string; at: number } } {
  if (!instead) return {}
  const { version, reason, at } = instead
  return { rejected: { version, reason, at } }
}

/** What the operator would recognise: the path in `apps/`, and where it leads when it is a link. */
export function sourceOf(appsDir: string, entry: string, found?: Found): string {
  const own = shown(path.join(appsDir, entry))
  return found?.isLink ? `${own} -> ${shown(found.real)}` : own
}

async function judgeFile(
  { appsDir, config, versions, archive, machine }: Bench,
  app: string,
  entry: string,
  found: Found,
  known: Copy | null,
): Promise<Judgement> {
  const settings = config.settingsFor(app)
  const source = sourceOf(appsDir, entry, found)
  if (settings.target !== null) return { kind: 'remote', settings, url: settings.target, extras: [] }
  const searchPath = searchPathOf(settings)
  if (settings.command !== null) {
    const missing = await missingCommand(settings.command[0] ?? '', searchPath, settings.cwd ?? appsDir)
    if (missing !== null) return { ...refusal(settings, source, missing), mayHeal: true }
    const content = await digestOf(found.real)
    const launch = launchOf({ argv: settings.command, content, cwd: appsDir, source }, settings)
    return { kind: 'launch', settings, launch, copy: null, extras: [] }
  }
  const verdict = await preflight({ file: found.real, name: path.join(appsDir, entry), searchPath, machine })
  if (verdict.kind === 'unfit') return { ...refusal(settings, source, verdict.reason), ...pickHopes(verdict) }
  try {
    const { form } = verdict
    const { uid, gid } = settings
    const same = known && known.uid === uid && known.gid === gid
    const copy = same ? known : await versions.keep({ app, file: found.real, form, uid, gid })
    const launchFrom = ({ file, digest }: Copy): Launch => {
      return launchOf({ argv: [file], content: digest, cwd: appsDir, source }, settings)
    }
    const instead = archive.insteadOf(app, copy.digest)
    const before = instead && (await preflight({ file: instead.file, name: instead.file, searchPath, machine }))
    if (instead && before?.kind === 'fit') {
      const kept = await versions.keep({ app, file: instead.file, home: found.real, form: before.form, uid, gid })
      const launch = launchFrom(kept)
      versions.belongs(app, launch.version, kept.file)
      return { kind: 'launch', settings, launch, copy: null, instead, extras: [] }
    }
    const launch = launchFrom(copy)
    archive.add(
      app,
      { version: launch.version, digest: copy.digest, name: path.basename(found.real) },
      copy.file,
      settings.versions.keep,
    )
    return { kind: 'launch', settings, launch, copy, extras: [] }
  } catch (error) {
    // A full disk, most likely; the file itself may also have gone, which the next look will see.
    return {
      ...refusal(settings, source, `cannot be copied to where it would run: ${messageOf(error)}`),
      mayHeal: true,
    }
  }
}

async function judgeFolder(
  { appsDir, config, machine }: Bench,
  app: string,
  entry: string,
  found: Found,
): Promise<Judgement> {
  const name = path.join(appsDir, entry)
  const it = await discover(app, found.real, name, config)
  const { settings } = it
  if (it.kind === 'nothing') return refusal(settings, shown(it.source), it.reason)
  if (it.kind === 'remote') return { kind: 'remote', settings, url: it.url, extras: [] }
  const source = shown(it.source)
  const extras = it.files
  const searchPath = searchPathOf(settings)
  const [command = ''] = it.argv
  if (it.executable) {
    const real = await realpath(command)
    if (!real.startsWith((await realpath(appsDir)) + path.sep)) {
      const reason = `${source} is a symbolic link that leaves ${shown(appsDir)}: it is really ${shown(real)}; copy it instead`
      return { ...refusal(settings, source, reason), extras }
    }
    const verdict = await preflight({ file: real, name: path.join(name, path.basename(command)), searchPath, machine })
    if (verdict.kind === 'unfit') return { ...refusal(settings, source, verdict.reason), ...pickHopes(verdict), extras }
  } else {
    const missing = await missingCommand(command, searchPath, settings.cwd ?? found.real)
    if (missing !== null) return { ...refusal(settings, source, missing), mayHeal: true, extras }
  }
  const content = await digestOfFolder(found.real, it.argv, it.files)
  const launch = launchOf({ argv: it.argv, content, cwd: found.real, source }, settings)
  return { kind: 'launch', settings, launch, copy: null, extras }
}

/**
 * A folder is not read as a whole, so what decides about it stands for it: content, and also inode and time of its
 * entry files. Touching one of them is how a folder app is told that something deeper has changed.
 */
async function digestOfFolder(folder: string, argv: readonly string[], files: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(argv))
  for (const name of files) {
    const file = path.join(folder, name)
    const { ino, mtimeNs } = await stat(file, { bigint: true })
    hash.update(JSON.stringify([name, String(ino), String(mtimeNs), await digestOf(file)]))
  }
  return hash.digest('hex')
}

function pickHopes({ unfinished, mayHeal }: { readonly unfinished: boolean; readonly mayHeal: boolean }): {
  unfinished: boolean
  mayHeal: boolean
} {
  return { unfinished, mayHeal }
}

/** Where the app would find its interpreter: the same PATH that its process gets. */
function searchPathOf(settings: AppSettings): string {
  const given = { place: '0', app: settings.name, run: 0, marker: '', publicUrl: '', basePath: '' }
  return childEnvironment(process.env, given, {}, settings.env).env.PATH ?? ''
}
