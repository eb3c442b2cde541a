import { parseArgs } from 'node:util'
import { drill } from '../src/cli/drill/drill.ts'
import { DrillFleet } from '../src/cli/drill/fleet.ts'
import { type Lesson, lessons } from '../src/cli/drill/lessons.ts'
import { head, isLost, line, reasons, type Result, verdict } from '../src/cli/drill/report.ts'
import { usageOf } from '../test/support/processes.ts'
import { growth, interpreted, liveHeap, openFiles, steady } from './growth.ts'

/**
 * `npm run soak -- --minutes N`: every lesson of the drill, again and again, on one gateway; whether anything was lost,
 * and whether the gateway grows: its RSS, what is alive after its full collections, and its open files over the second
 * half, when everything has warmed up. `--interpreted` leaves V8's compilers out, whose work looks like growth for over an hour.
 */

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '500' },
    interpreted: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const began = performance.now()
const elapsed = (): number => (performance.now() - began) / 60_000

const collections: (readonly [minute: number, live: number])[] = []
await using fleet = await DrillFleet.raise(300, undefined, {
  flags: values.interpreted ? [...steady, ...interpreted] : steady,
  said(line) {
    const live = liveHeap(line)
    if (live !== null) collections.push([elapsed(), live])
  },
})
const { stage } = fleet
await stage.victim()
const samples: { readonly minute: number; readonly pid: number; readonly rss: number; readonly files: number }[] = []
const sample = async (): Promise<void> => {
  const pid = await fleet.pid()
  samples.push({ minute: elapsed(), pid, rss: usageOf(pid).rss / 1e6, files: openFiles(pid) })
}
// Between two gateways there is nothing to measure.
const timer = setInterval(() => void sample().catch(() => {}), 2_000)
console.log(head(12))
const teach = async (chosen: readonly Lesson[], until: number): Promise<readonly Result[]> =>
  drill({
    stage,
    fleet,
    door: await stage.door(await fleet.token),
    lessons: chosen,
    times: 1,
    rate: Number(values.rate),
    again: () => elapsed() < until,
    told: (result) => console.log([line(result, 12), ...reasons(result)].join('\n')),
  })
// What replaces the gateway itself comes first: how one process grows can be seen only while it lives.
const results = [
  ...(await teach(lessons, minutes / 4)),
  ...(await teach(
    lessons.filter(({ name }) => name !== 'gateway' && name !== 'upgrade'),
    minutes,
  )),
]
clearInterval(timer)

const half = elapsed() / 2
const settled = samples.filter(({ minute }) => minute >= half)
const series = (pick: (one: (typeof samples)[number]) => number): (readonly [number, number])[] =>
  settled.map((one) => [one.minute, pick(one)])
const gateways = new Set(settled.map(({ pid }) => pid)).size
console.log(`\n${verdict(results)}`)
console.log(`${elapsed().toFixed(1)} minutes, ${results.length} lessons; over the second half, ${gateways} gateway:`)
console.log(
  `RSS        ${growth(
    series(({ rss }) => rss),
    ' MB',
    'a minute',
  )}`,
)
console.log(
  `live heap  ${growth(
    collections.filter(([minute]) => minute >= half),
    ' MB',
    'a minute',
  )}`,
)
console.log(
  `open files ${growth(
    series(({ files }) => files),
    '',
    'a minute',
  )}`,
)
process.exitCode = results.some(isLost) ? 1 : 0
