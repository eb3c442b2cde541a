import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { lstat, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import { isCandidate } from '../model/fleet.ts'
import type { Kept } from './archive.ts'
import { command, outcome, type CommandOutcome } from './command.ts'
import { digestOf } from './digest.ts'
import { messageOf } from './errno.ts'
import type { Intake } from './intake.ts'
import { appName, isIgnoredName } from './names.ts'
import type { Told } from './register.ts'
import type { Supervisor } from './supervisor.ts'

/** How long a file may take to come to rest and be judged (milliseconds): a few seconds if others write to it. */
const judging = 15_000

export interface VersionStatus {
  readonly version: string
  /** SHA-256 of its bytes, hex. */
  readonly digest: string
  readonly state: 'serving' | 'trial' | 'previous' | 'refused' | 'unproven'
  /** Why it was refused. */
  readonly reason: string | null
  /** Whether `rollback` goes to it when it is told no version. */
  readonly next: boolean
  readonly size: number
  /** ISO 8601. */
  readonly seen: string
}

export interface Workshop {
  readonly supervisor: Supervisor
  readonly clock: Clock
  readonly appsDir: string
  /** Null until it is open. */
  readonly intake: () => Intake | null
}

/** As `command`, and for a restart the bytes in `apps/` count again if others ran in their place. */
export async function operate(
  shop: Workshop,
  app: string,
  verb: 'start' | 'stop' | 'restart',
): Promise<CommandOutcome> {
  const intake = shop.intake()
  if (verb === 'restart' && intake?.archive.unpin(app)) return await follow(shop, app, intake.judgeAnew(app))
  return await command(shop.supervisor, shop.clock, app, verb)
}

/** The kept versions, the newest first; null when there is no such app. */
export function versionsOf({ supervisor, intake }: Workshop, name: string): readonly VersionStatus[] | null {
  const app = supervisor.fleet.apps.get(name)
  if (!app) return null
  const good = app.good?.launch.version
  const trial = isCandidate(app) ? app.current?.launch.version : undefined
  const stateOf = (it: Kept): VersionStatus['state'] => {
    if (it.version === trial) return 'trial'
    if (it.version === good) return 'serving'
    if (it.refused !== null) return 'refused'
    return it.proven === null ? 'unproven' : 'previous'
  }
  const all = intake()?.archive.list(name) ?? []
  const next = previous(all, good)
  return all
    .toSorted((a, b) => b.seen - a.seen)
    .map((it) => {
      const { version, digest, size, seen, refused: reason } = it
      return {
        version,
        digest,
        state: stateOf(it),
        reason,
        next: it === next,
        size,
        seen: new Date(seen).toISOString(),
      }
    })
}

/** Runs an earlier version in place of the file in `apps/`, until that file changes or the app is told to restart. */
export async function rollBack(shop: Workshop, name: string, wanted: string | null): Promise<CommandOutcome> {
  const app = shop.supervisor.fleet.apps.get(name)
  const intake = shop.intake()
  if (!app || !intake) return { ok: false, reason: `there is no app called ${name}`, known: false }
  const kept = intake.archive.list(name)
  if (kept.length === 0) return no('only single-file apps keep earlier versions')
  const serving = kept.findLast((it) => it.version === app.good?.launch.version)
  const found = wanted === null ? previous(kept, app.good?.launch.version) : named(kept, wanted)
  const target =
    found ?? (wanted === null ? 'no earlier version of it has proved itself' : `no version ${wanted} of it is kept`)
  if (typeof target === 'string') return no(target)
  if (target === serving) return no(`version ${target.version} is the one that serves`)
  intake.archive.rollBack(name, target.digest)
  const told = intake.judgeAnew(name).then((it) => (isOther(intake, it, target.digest) ? 'superseded' : it))
  return await follow(shop, name, told, 'superseded by another rollback, deploy or restart before it was started')
}

/** The one version whose name or digest begins like this, or why it cannot be told which is meant. */
function named(kept: readonly Kept[], wanted: string): Kept | string | undefined {
  if (wanted === '') return 'an empty name is the beginning of every version; give more of it, or none at all'
  const whole = kept.findLast((it) => it.version === wanted || it.digest === wanted)
  const fits = kept.filter((it) => it.version.startsWith(wanted) || it.digest.startsWith(wanted))
  if (whole || fits.length <= 1) return whole ?? fits[0]
  return `${wanted} is the beginning of more than one version: ${fits.map(({ version }) => version).join(', ')}`
}

/** Of all but the version that serves, the one that proved itself last. */
function previous(kept: readonly Kept[], good: string | undefined): Kept | undefined {
  const serving = kept.findLast((it) => it.version === good)
  const others = kept.filter((it) => it.digest !== serving?.digest && it.proven !== null)
  return others.sort((a, b) => (b.proven ?? 0) - (a.proven ?? 0))[0]
}

/**
 * Puts a file into `apps/`, whole by one rename, and waits for what becomes of it. A refused one stays there, as it does
 * when it is copied by hand: the version before it serves on, also after a restart of the gateway.
 */
export async function deploy(
  shop: Workshop,
  name: string,
  file: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<CommandOutcome> {
  const intake = shop.intake()
  const named = appName(file, false)
  if (!intake || !named.ok || named.name !== name || path.basename(file) !== file || isIgnoredName(file)) {
    return no(`${file} is no file name for an app called ${name}`)
  }
  const owner = intake.entryOf(name)
  if (owner !== null && owner !== file) {
    return no(`it is ${owner} in ${shop.appsDir}; remove that first, or name the new file like it, ending included`)
  }
  const target = path.join(shop.appsDir, file)
  if ((await lstat(target).catch(() => null))?.isDirectory()) return no(`${target} is a folder`)
  // Hidden, so that nobody takes it for an app; on the same file system, so that the rename is one.
  const fresh = path.join(shop.appsDir, `.quay-deploy-${randomBytes(6).toString('hex')}`)
  let digest: string
  try {
    await pipeline(Readable.from(bytes), createWriteStream(fresh, { flags: 'wx', mode: 0o755 }))
    digest = await digestOf(fresh)
    intake.archive.unpin(name)
    await rename(fresh, target)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined)
    return no(`cannot write ${target}: ${messageOf(error)}`)
  }
  const told = judged(intake, name, file, digest, async () => (await digestOf(target).catch(() => digest)) === digest)
  return await follow(shop, name, told)
}

/** What was told about these bytes, while they lie there: an earlier look may have been under way. */
async function judged(
  intake: Intake,
  name: string,
  file: string,
  digest: string,
  lies: () => Promise<boolean>,
): Promise<Told | 'superseded'> {
  for (;;) {
    const told = await intake.judgeAnew(name, file)
    if (!isOther(intake, told, digest)) return told
    if (!(await lies())) return 'superseded'
  }
}

/** Whether what was told is known to be of other bytes than these. */
function isOther({ archive }: Intake, told: Told, digest: string): boolean {
  if (told.type !== 'offered') return false
  const kept = archive.list(told.app).findLast((it) => it.version === told.launch.version)
  return kept !== undefined && kept.digest !== digest
}

async function follow(
  shop: Workshop,
  name: string,
  judging: Promise<Told | 'superseded'>,
  superseded = 'superseded by a newer file before it was started',
): Promise<CommandOutcome> {
  const told = await soon(judging)
  if (told === null) return no('its file does not come to rest; see quaymaster status')
  if (told === 'superseded') return no(superseded)
  if (told.type === 'refused') return no(told.reason)
  const since = shop.clock.now()
  return await outcome(shop.supervisor, name, 'restart', since)
}

async function soon<T>(told: Promise<T>): Promise<T | null> {
  const given = new AbortController()
  const late = delay(judging, null, { signal: given.signal }).catch(() => null)
  return await Promise.race([told, late]).finally(() => given.abort())
}

function no(reason: string): CommandOutcome {
  return { ok: false, reason, known: true }
}
