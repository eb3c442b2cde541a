import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DrillFleet } from '../src/cli/drill/fleet.ts'
import { openEvents, openWebSocket } from '../src/cli/drill/streams.ts'
import { usageOf } from '../test/support/processes.ts'
import { growth, liveHeap, openFiles, steady } from './growth.ts'

/**
 * `npm run proof:streams -- --cycles N`: event streams and WebSockets are opened, their app is killed, and again: that
 * every one of them is closed, how soon, and that nothing of them stays in the gateway.
 */

const { values } = parseArgs({
  options: { cycles: { type: 'string', default: '1000' }, streams: { type: 'string', default: '5' } },
})
const cycles = Number(values.cycles)
const each = Number(values.streams)

let cycle = 0
const collections: (readonly [cycle: number, live: number])[] = []
await using fleet = await DrillFleet.raise(
  0,
  { restart: { min: '10ms', max: '20ms', forgive: '10ms' } },
  {
    flags: steady,
    said(line) {
      const live = liveHeap(line)
      if (live !== null) collections.push([cycle, live])
    },
  },
)
const { stage } = fleet
await stage.victim()
const door = await stage.door(await fleet.token)
const gateway = await fleet.pid()
const samples: { readonly files: number; readonly rss: number }[] = []
let slowest = 0
let wrong = 0
for (; cycle < cycles; cycle++) {
  const { run, pid } = await stage.victim()
  const opened = Array.from({ length: each }, () => [openEvents(door), openWebSocket(door)]).flat()
  const open = await Promise.all(opened)
  const killed = performance.now()
  process.kill(pid, 'SIGKILL')
  const ends = await Promise.all(open.map(({ ended }) => Promise.race([ended, pause(10_000, null, { ref: false })])))
  slowest = Math.max(slowest, performance.now() - killed)
  wrong += ends.filter((end) => end === null).length
  await stage.replaced(run)
  samples.push({ files: openFiles(gateway), rss: usageOf(gateway).rss / 1e6 })
}

const half = cycles / 2
const series = (pick: (one: (typeof samples)[number]) => number): (readonly [number, number])[] =>
  samples.map((sample, i): [number, number] => [i, pick(sample)]).filter(([i]) => i >= half)
const told = (points: readonly (readonly [number, number])[], unit: string): string =>
  growth(points, unit, 'per 1,000 cycles', 1_000)
console.log(`${cycles} crashes under ${each} event streams and ${each} WebSockets each`)
console.log(`streams left open   ${wrong}`)
console.log(`all closed within   ${slowest.toFixed(0)} ms of the kill`)
console.log('over the second half:')
console.log(
  `open files          ${told(
    series(({ files }) => files),
    '',
  )}`,
)
console.log(
  `RSS                 ${told(
    series(({ rss }) => rss),
    ' MB',
  )}`,
)
console.log(
  `live heap           ${told(
    collections.filter(([at]) => at >= half),
    ' MB',
  )}`,
)
process.exitCode = wrong > 0 ? 1 : 0
