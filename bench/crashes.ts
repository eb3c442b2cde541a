import { parseArgs } from 'node:util'
import { killAgainAndAgain } from '../test/support/kills.ts'

/**
 * `npm run proof:crashes -- --kills 200`: an app of one instance is killed by SIGKILL under load. Ends with 1 when a GET
 * failed, or a POST came twice, or failed without having been sent. The test of the same name does it three times.
 *
 * The gap is the longest time in which no GET of any client was answered. It is told beside two boots: what the program
 * itself counts from the start of its JavaScript engine to listening, and what a shell needs, under the same load, from
 * starting it to its first answer: that includes making the process, and nobody is in a hurry to talk to it.
 */

const { values } = parseArgs({ options: { kills: { type: 'string', default: '20' } } })
const outcome = await killAgainAndAgain(Number(values.kills), (gap) => process.stdout.write(` ${gap.toFixed(0)}`))
const { gaps, boots, alone } = outcome
const at = (values: readonly number[], share: number): string => {
  const sorted = values.toSorted((a, b) => a - b)
  return `${(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0)} ms`
}
const beyond = gaps.map((gap, index) => gap - (boots[index] ?? Number.NaN))
const accepted = alone.map((boot) => boot.accepted)
const answered = alone.map((boot) => boot.answered)
const ofShell = gaps.map((gap, index) => gap - (answered[index] ?? Number.NaN))
console.log(`
kills            ${outcome.kills}
GETs             ${outcome.gets}, failed ${outcome.failedGets.length}
POSTs            ${outcome.posts}, twice ${outcome.duplicated.length}, failed ${outcome.failedPosts}, of those never sent ${outcome.unsent.length}
from a shell     accepts after median ${at(accepted, 0.5)}, answers after ${at(answered, 0.5)}, longest ${at(answered, 1)}
boot, as it says median ${at(boots, 0.5)}, longest ${at(boots, 1)}
longest gap      median ${at(gaps, 0.5)}, 90 % ${at(gaps, 0.9)}, longest ${at(gaps, 1)}
beyond the shell median ${at(ofShell, 0.5)}, 90 % ${at(ofShell, 0.9)}
beyond the boot  median ${at(beyond, 0.5)}, 90 % ${at(beyond, 0.9)}, longest ${at(beyond, 1)}`)
for (const line of outcome.failedGets.slice(0, 10)) console.log(line)
const lost = outcome.failedGets.length + outcome.duplicated.length + outcome.unsent.length
process.exitCode = lost > 0 ? 1 : 0
