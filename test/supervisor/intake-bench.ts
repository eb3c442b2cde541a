import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock, type Clock } from '../../src/lib/clock.ts'
import type { AppSettings } from '../../src/model/settings.ts'
import type { Settings } from '../../src/supervisor/discover.ts'
import { openIntake, type Intake } from '../../src/supervisor/intake.ts'
import type { IntakeEvent } from '../../src/supervisor/register.ts'
import { settings } from '../model/world.ts'
import { patience } from '../support/wait.ts'

/** An intake over a real temporary folder, with everything it said. */
export interface Bench extends AsyncDisposable {
  readonly root: string
  readonly appsDir: string
  readonly stateDir: string
  readonly events: readonly IntakeEvent[]
  readonly notices: readonly string[]
  readonly intake: Intake
  /** Writes an executable file into `apps/`. */
  drop(name: string, content: string | Buffer, mode?: number): Promise<string>
  /** The first event from `mark` on that `wanted` accepts; rejects after `patience` with what was said instead. */
  until(wanted: (event: IntakeEvent) => boolean, mark?: number): Promise<IntakeEvent>
  offered(app: string, mark?: number): Promise<Extract<IntakeEvent, { type: 'offered' }>>
  refused(app: string, mark?: number): Promise<string>
  /** Where the next event will stand. */
  mark(): number
}

export interface BenchOptions {
  readonly apps?: Readonly<Record<string, Partial<AppSettings>>>
  readonly clock?: Clock
  readonly pollEvery?: number
  /** Runs before the intake opens. */
  readonly before?: (appsDir: string, stateDir: string) => Promise<void>
}

export const shellScript = '#!/bin/sh\nexec sleep 60\n'

export async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const root = await mkdtemp(path.join(tmpdir(), 'intake-'))
  const appsDir = path.join(root, 'apps')
  const stateDir = path.join(root, 'state')
  await mkdir(appsDir)
  await options.before?.(appsDir, stateDir)
  const events: IntakeEvent[] = []
  const notices: string[] = []
  const waiting = new Set<() => void>()
  const intake = await openIntake({
    appsDir,
    stateDir,
    clock: options.clock ?? systemClock,
    settings: settingsOf(options.apps ?? {}),
    ...(options.pollEvery === undefined ? {} : { pollEvery: options.pollEvery }),
    emit: (event) => {
      events.push(event)
      for (const look of waiting) look()
    },
    notice: (_level, message) => void notices.push(message),
  })
  const until = (wanted: (event: IntakeEvent) => boolean, mark = 0): Promise<IntakeEvent> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.slice(mark).find((event) => wanted(event))
        if (!found) return
        clearTimeout(late)
        waiting.delete(look)
        resolve(found)
      }
      const late = setTimeout(() => {
        waiting.delete(look)
        reject(new Error(`waited in vain; said since:\n${events.slice(mark).map(brief).join('\n')}`))
      }, patience)
      waiting.add(look)
      look()
    })
  return {
    root,
    appsDir,
    stateDir,
    events,
    notices,
    intake,
    drop: async (name, content, mode = 0o755) => {
      const file = path.join(appsDir, name)
      // With the mode from the first byte on: a chmod that comes a while later is a verdict and then another one.
      await writeFile(file, content, { mode })
      await chmod(file, mode)
      return file
    },
    until,
    offered: async (app, mark) =>
      (await until((it) => it.type === 'offered' && it.app === app, mark)) as Extract<IntakeEvent, { type: 'offered' }>,
    refused: async (app, mark) => {
      const event = await until((it) => it.type === 'refused' && it.app === app, mark)
      return event.type === 'refused' ? event.reason : ''
    },
    mark: () => events.length,
    [Symbol.asyncDispose]: async () => {
      await intake[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}

export function brief(event: IntakeEvent): string {
  const more = event.type === 'refused' ? event.reason : event.type === 'offered' ? event.launch.version : ''
  return `${event.type} ${event.app} ${more}`.trim()
}

/** A configuration that declares `apps` and knows complete settings for everything. */
export function settingsOf(apps: Readonly<Record<string, Partial<AppSettings>>>): Settings {
  return {
    declared: Object.keys(apps),
    settingsFor: (name, manifest) => ({ ...appSettings(name), ...(manifest as Partial<AppSettings>), ...apps[name] }),
    parseManifest: (text, file) => {
      try {
        return { ok: true, manifest: JSON.parse(text) as unknown }
      } catch {
        return { ok: false, reason: `${path.basename(file)} is not JSON` }
      }
    },
  }
}

export function appSettings(name: string): AppSettings {
  return settings(name)
}
