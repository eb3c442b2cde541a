import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createFolder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, percentile, startLoad } from '../support/load.ts'
import { slowness } from '../support/pace.ts'
import { usageOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const seconds = 5
/**
 * At once, then after 0.1, 0.2, 0.4 … s: six starts fit into 5 s (and eleven into 60 s, see bench/crash-loop.ts),
 * jitter may add some.
 */
const mostStarts = 10

test(`an app that exits at once for ${seconds} s is started a few times, and nobody else notices`, async (t) => {
  await using folder = await createFolder({ apps: { 'other.cjs': 'hello.cjs' } })
  const tally = folder.path('starts.txt')
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('other')
  const crash = { fixture: 'crash-on-boot.sh', words: { tally } }
  const before = usageOf(gateway.pid)
  await using load = startLoad(gateway, { rps: 10, path: '/other/' })
  await folder.put('broken.sh', crash)
  // The one wait of this suite for a length of time: it is what is being measured.
  await pause(seconds * 1000)
  const busy = (usageOf(gateway.pid).cpu - before.cpu) / (seconds * 10)
  const slow = await slowness()
  // At this very moment it may be starting once more.
  const { reason, falls } = await eventually(
    async () => {
      const app = await gateway.app('broken')
      return app.state === 'resting' && app
    },
    { what: 'broken to rest' },
  )
  const starts = (await folder.lines('starts.txt')).length
  const shots = await load.stop()
  t.diagnostic(`${starts} starts in ${seconds} s, gateway CPU ${busy.toFixed(1)} % of a core`)
  t.diagnostic(`resting: ${reason}`)
  t.diagnostic(`the other app: 99 % within ${percentile(shots, 0.99).toFixed(1)} ms`)
  assert.ok(starts >= 4 && starts <= mostStarts, `${starts} starts`)
  assert.ok(falls.total <= starts)
  assert.ok(busy < 20 * slow, `${busy} % CPU`)
  assert.match(reason ?? '', /crash-loop.*no database at 127\.0\.0\.1:5432/)
  assert.deepEqual(failures(shots), [])
  assert.equal((await gateway.app('other')).instances[0]?.pid, pid)

  const fixed = performance.now()
  await folder.put('broken.sh', { fixture: 'hello.cjs', words: {} })
  await gateway.events.ready('broken')
  const back = performance.now() - fixed
  t.diagnostic(`the fixed file was ready after ${back.toFixed(0)} ms`)
  assert.ok(back < 3_000 * (await slowness()), `${back} ms`)
  assert.equal((await ask(gateway, '/broken/')).status, 200)
})

test('requests for a crash-looping app do not make it start more often, and are told when to come back', async () => {
  await using folder = await createFolder({ config: { defaults: { hold: { for: '300ms' } } } })
  const tally = folder.path('starts.txt')
  await folder.put('broken.sh', { fixture: 'crash-on-boot.sh', words: { tally } })
  await using gateway = await startGateway({ folder })
  await gateway.events.waitFor(({ name, state }) => name === 'broken' && state === 'resting', 'broken to rest')
  await using load = startLoad(gateway, { rps: 50, path: '/broken/' })
  await pause(2_000)
  const shots = await load.stop()
  const starts = (await folder.lines('starts.txt')).length
  assert.ok(starts <= mostStarts, `${starts} starts under ${shots.length} requests`)
  assert.deepEqual(failures(shots, [503]), [])
  const answer = await ask(gateway, '/broken/')
  assert.equal(answer.status, 503)
  assert.match(answer.headers['retry-after'] ?? '', /^\d+$/)
  assert.match(answer.body, /no database|crash|falls/)
})
