import { setTimeout as pause } from 'node:timers/promises'
import { createFolder } from '../test/support/folder.ts'
import { startGateway } from '../test/support/gateway.ts'
import { failures, percentile, startLoad } from '../test/support/load.ts'
import { usageOf } from '../test/support/processes.ts'

/**
 * An app that exits at once, for 60 s, beside one that serves: how often it is started, what that costs the gateway and
 * what the other one's callers notice. The test of the same name states the same for 5 s.
 */

const seconds = 60

await using folder = await createFolder({ apps: { 'other.cjs': 'hello.cjs' } })
await using gateway = await startGateway({ folder })
const { pid } = await gateway.events.ready('other')
const before = usageOf(gateway.pid)
await using load = startLoad(gateway, { rps: 10, path: '/other/' })
await folder.put('broken.sh', { fixture: 'crash-on-boot.sh', words: { tally: folder.path('starts.txt') } })
await pause(seconds * 1000)
const after = usageOf(gateway.pid)
const shots = await load.stop()
const { state, reason } = await gateway.app('broken')
const other = await gateway.app('other')

console.log(`starts in ${seconds} s:  ${(await folder.lines('starts.txt')).length}`)
console.log(`gateway CPU:      ${((after.cpu - before.cpu) / (seconds * 10)).toFixed(2)} % of a core`)
console.log(`gateway RSS:      ${(before.rss / 1e6).toFixed(0)} → ${(after.rss / 1e6).toFixed(0)} MB`)
console.log(`status:           ${state}: ${reason}`)
console.log(`other app:        ${shots.length} requests, ${failures(shots).length} failed`)
console.log(`                  99 % within ${percentile(shots, 0.99).toFixed(1)} ms`)
console.log(`                  ${other.instances[0]?.pid === pid ? 'the same process throughout' : 'restarted'}`)
await folder.put('broken.sh', 'hello.cjs')
const fixed = performance.now()
await gateway.events.ready('broken')
console.log(`fixed file ready: ${(performance.now() - fixed).toFixed(0)} ms`)
