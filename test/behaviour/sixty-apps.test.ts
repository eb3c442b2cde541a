import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, percentile, startLoad } from '../support/load.ts'

const names = Array.from({ length: 60 }, (_, i) => `app-${i}`)

test('60 apps dropped at once are all ready, on ports of their own', async (t) => {
  await using gateway = await startGateway({ apps: { 'first.cjs': 'hello.cjs' } })
  await gateway.events.ready('first')
  await using load = startLoad(gateway, { rps: 20, path: '/first/' })
  const began = performance.now()
  await Promise.all(names.map((name) => gateway.folder.put(`${name}.cjs`, 'hello.cjs')))
  const ready = await Promise.all(names.map((name) => gateway.events.ready(name, { timeout: 60_000 })))
  const took = performance.now() - began
  const shots = await load.stop()
  const answers = await Promise.all(names.map((name) => ask(gateway, `/${name}/`)))
  const fell = gateway.events.seen.filter(({ state }) => state === 'fell')
  t.diagnostic(`${took.toFixed(0)} ms until all 60 were ready`)
  t.diagnostic(`an app that served meanwhile: 95 % within ${percentile(shots, 0.95).toFixed(0)} ms`)
  t.diagnostic(`at most ${mostAtOnce(gateway.events.seen)} were starting at once`)
  assert.equal(new Set(ready.map(({ port }) => port)).size, names.length)
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200),
    [],
  )
  assert.deepEqual(fell, [])
  assert.deepEqual(failures(shots), [])
})

function mostAtOnce(events: readonly { readonly event: string; readonly state?: string }[]): number {
  let now = 0
  let most = 0
  for (const { event, state } of events) {
    if (event !== 'app') continue
    if (state === 'starting') most = Math.max(most, ++now)
    if (state === 'ready' || state === 'fell') now--
  }
  return most
}

test('apps that take for ever to boot do not keep the others waiting', async () => {
  await using gateway = await startGateway()
  const slow = Array.from({ length: 12 }, (_, i) => `slow-${i}`)
  await Promise.all(slow.map((name) => gateway.folder.put(`${name}.cjs`, 'never-ready.cjs')))
  for (const name of slow) {
    await gateway.events.waitFor((event) => event.name === name && event.state === 'starting', name, {
      timeout: 30_000,
    })
  }
  await Promise.all(names.slice(0, 10).map((name) => gateway.folder.put(`${name}.cjs`, 'hello.cjs')))
  await Promise.all(names.slice(0, 10).map((name) => gateway.events.ready(name, { timeout: 25_000 })))
  const fell = gateway.events.seen.filter(({ state }) => state === 'fell')
  assert.deepEqual(fell, [], 'all of the slow ones are still booting')
})
