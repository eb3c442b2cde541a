import { setTimeout as pause } from 'node:timers/promises'
import type { DrillFleet } from './fleet.ts'
import type { Lesson } from './lessons.ts'
import { type Door, Load } from './load.ts'
import type { Result } from './report.ts'
import type { Coping, Stage } from './stage.ts'

export interface DrillOptions {
  readonly stage: Stage
  /** Null when the app is a real one. */
  readonly fleet: DrillFleet | null
  readonly door: Door
  readonly lessons: readonly Lesson[]
  /** How often each lesson is taught. */
  readonly times: number
  /** GETs a second, of four clients together. */
  readonly rate: number
  /** Rounds are repeated until this says no. */
  again(): boolean
  told(result: Result): void
}

/** After each lesson, in which the app serves (milliseconds): its falls are forgiven, it is in no crash loop. */
const recovery = 1_500

/** Clients at a time. */
const clients = 4

/** Teaches every lesson under load and resolves with what came of each. */
export async function drill(options: DrillOptions): Promise<readonly Result[]> {
  const { stage, fleet, door, lessons, times, rate } = options
  const results: Result[] = []
  await using load = new Load(door, { clients, rate, posts: fleet === null ? 0 : rate / 20 })
  await load.settled()
  do {
    for (const lesson of lessons) {
      const { name, does } = lesson
      const before = (await fleet?.delivered())?.length ?? 0
      const counted = await stage.coped()
      let fault: string | null = null
      try {
        for (let turn = 0; turn < times; turn++) {
          await lesson.teach({ stage, fleet, load })
          await pause(recovery)
        }
      } catch (error) {
        fault = error instanceof Error ? error.message : String(error)
      }
      const tally = await load.settled()
      const delivered = (await fleet?.delivered()) ?? []
      const result: Result = {
        lesson: name,
        does,
        ...tally,
        ...since(counted, await stage.coped().catch(() => counted)),
        duplicated: repeated(delivered, before),
        fault,
      }
      results.push(result)
      options.told(result)
    }
  } while (options.again())
  return results
}

/** Another gateway began at nothing. */
function since(before: Coping, now: Coping): Pick<Coping, 'replayed' | 'held'> {
  const { replayed, held } = before.pid === now.pid ? before : { replayed: 0, held: 0 }
  return { replayed: now.replayed - replayed, held: now.held - held }
}

/** Those of the newer numbers that came before. */
function repeated(numbers: readonly number[], from: number): readonly number[] {
  const seen = new Set(numbers.slice(0, from))
  const twice: number[] = []
  for (const number of numbers.slice(from)) {
    if (seen.has(number)) twice.push(number)
    seen.add(number)
  }
  return twice
}
