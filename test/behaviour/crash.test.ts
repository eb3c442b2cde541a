import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, percentile, startLoad } from '../support/load.ts'
import { slowness } from '../support/pace.ts'
import { end } from '../support/processes.ts'

test('kill -9 of a child under 200 requests a second fails no GET that it was not already answering', async (t) => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': 'hello.cjs', 'slow.cjs': 'slow-boot.cjs', 'other.cjs': 'hello.cjs' },
  })
  for (const app of ['hello', 'slow', 'other']) {
    await t.test(`of ${app}`, async (t) => {
      if (app === 'other') return t.diagnostic('the neighbour, looked at below')
      const first = await gateway.events.ready(app)
      await using load = startLoad(gateway, { rps: 200, path: `/${app}/` })
      await using neighbour = startLoad(gateway, { rps: 20, path: '/other/' })
      while (load.shots.length < 100) await new Promise((resolve) => setTimeout(resolve, 5))
      const inFlight = load.inFlight()
      const killed = performance.now()
      const since = gateway.events.mark()
      end(first.pid)
      const second = await gateway.events.ready(app, { since })
      const back = performance.now() - killed
      const slow = await slowness()
      const answered = load.shots.length
      while (load.shots.length < answered + 200) await new Promise((resolve) => setTimeout(resolve, 5))
      const shots = await load.stop()
      t.diagnostic(`back after ${back.toFixed(0)} ms, ${shots.length} requests, ${failures(shots).length} failed`)
      t.diagnostic(`${inFlight} in flight at the kill, slowest ${percentile(shots, 1).toFixed(0)} ms`)
      assert.notEqual(second.pid, first.pid)
      // The ones that were being answered at that very moment are the only ones that may fail.
      const late = shots.filter(({ at, status }) => status !== 200 && at > killed + 5)
      assert.deepEqual(failures(late), [])
      assert.ok(failures(shots).length <= inFlight + 2, failures(shots).join('\n'))
      assert.ok(back < 2_000 * slow, `back only after ${back} ms`)
      assert.deepEqual(failures(await neighbour.stop()), [])
    })
  }
})

test('a request that killed the app is not sent a second time when it is a POST, and the caller is told', async () => {
  await using gateway = await startGateway()
  const tally = gateway.folder.path('crashes.txt')
  await gateway.folder.put('fragile.cjs', { fixture: 'crash-on-request.cjs', words: { tally } })
  await gateway.events.ready('fragile')
  const since = gateway.events.mark()
  const answer = await ask(gateway, '/fragile/crash', { method: 'POST', body: 'once' })
  assert.equal(answer.status, 502)
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
  await gateway.events.ready('fragile', { since })
  assert.deepEqual(await gateway.folder.lines('crashes.txt'), ['POST'])
  assert.equal((await ask(gateway, '/fragile/')).status, 200)
})

test('status says how an app fell, with the last line it wrote', async () => {
  await using gateway = await startGateway({ apps: { 'fragile.cjs': 'crash-on-request.cjs' } })
  await gateway.events.ready('fragile')
  const since = gateway.events.mark()
  await ask(gateway, '/fragile/crash', { method: 'POST', body: 'x' })
  await gateway.events.ready('fragile', { since })
  const told = JSON.stringify(await gateway.app('fragile'))
  assert.match(told, /7/)
  assert.match(told, /asked to crash/)
})
