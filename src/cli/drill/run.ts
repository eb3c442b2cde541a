import { readToken } from '../../admin/token.ts'
import { ask } from '../client.ts'
import { CommandError } from '../fail.ts'
import { findState } from '../find-state.ts'
import type { GlobalOptions } from '../global-options.ts'
import { drill, type DrillOptions } from './drill.ts'
import { DrillFleet } from './fleet.ts'
import { type Lesson, lessons } from './lessons.ts'
import { head, isLost, line, reasons, type Result, verdict } from './report.ts'
import { Stage } from './stage.ts'

export interface DrillArguments extends GlobalOptions {
  readonly app: string | null
  readonly here: boolean
  readonly only?: string
  readonly times: number
  readonly rate: number
  /** Milliseconds the drilled app takes before it listens. */
  readonly boot: number
  readonly json: boolean
}

/** Proves under load that nothing is lost, and resolves with 1 when something was. */
export async function runDrill(args: DrillArguments): Promise<number> {
  if (args.app !== null && !args.here) {
    throw new CommandError(
      `A drill kills ${args.app} again and again. Say --here if that is meant, or leave the name out: then it has a gateway and an app of its own.`,
      2,
    )
  }
  const chosen = choose(args)
  const width = Math.max(12, ...chosen.map(({ name }) => name.length))
  // The same sentence as for any other command about an app that is not there, or a gateway that is not.
  if (args.app !== null) await ask(await findState(args), 'GET', `/apps/${encodeURIComponent(args.app)}`)
  if (!args.json) process.stdout.write(`${head(width)}\n`)
  const told = (result: Result): void => {
    if (args.json) return
    process.stdout.write(`${[line(result, width), ...reasons(result)].join('\n')}\n`)
  }
  const common = { lessons: chosen, times: args.times, rate: args.rate, again: () => false, told }
  const results = args.app === null ? await onOwn(args.boot, common) : await onReal(args, args.app, common)
  process.stdout.write(
    args.json ? `${JSON.stringify({ lost: results.some(isLost), results })}\n` : `${verdict(results)}\n`,
  )
  return results.some(isLost) ? 1 : 0
}

type Common = Omit<DrillOptions, 'stage' | 'fleet' | 'door'>

async function onOwn(boot: number, common: Common): Promise<readonly Result[]> {
  await using fleet = await DrillFleet.raise(boot)
  const { stage } = fleet
  await stage.victim()
  return await drill({ ...common, stage, fleet, door: await stage.door(await fleet.token) })
}

async function onReal(options: GlobalOptions, app: string, common: Common): Promise<readonly Result[]> {
  const state = await findState(options)
  const stage = new Stage(state, app)
  return drill({ ...common, stage, fleet: null, door: await stage.door(await readToken(state)) })
}

function choose({ only, app }: DrillArguments): readonly Lesson[] {
  const possible = lessons.filter(({ own }) => app === null || !own)
  if (only === undefined) return possible
  const names = only.split(',')
  const unknown = names.find((name) => !possible.some((one) => one.name === name))
  if (unknown === undefined) return possible.filter(({ name }) => names.includes(name))
  throw new CommandError(
    `There is no lesson "${unknown}". There are: ${possible.map(({ name }) => name).join(', ')}.`,
    2,
  )
}
