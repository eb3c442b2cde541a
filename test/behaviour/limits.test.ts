import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

test('an app that grows beyond its memory limit or its age makes way for a fresh one without a failed request', async (t) => {
  await using gateway = await startGateway({
    apps: { 'leak.cjs': 'leak.cjs', 'old.cjs': 'hello.cjs' },
    config: { apps: { leak: { limits: { memory: '130mb' } }, old: { limits: { age: '1s' } } } },
  })
  const first = await gateway.events.ready('leak')
  const old = await gateway.events.ready('old')
  const since = gateway.events.mark()
  await using load = startLoad(gateway, { rps: 100, path: '/leak/' })
  await using other = startLoad(gateway, { rps: 50, path: '/old/' })
  await ask(gateway, '/leak/leak')
  const before = (await gateway.app('leak')).instances[0]
  if (process.platform === 'linux') assert.ok(Number(before?.memory) > 130 * 2 ** 20, `${before?.memory} bytes`)
  const second = await gateway.events.ready('leak', { since })
  await eventually(() => !isAlive(first.pid), { what: 'the end of the large one' })
  const told = gateway.events.seen.find(({ name, state }) => name === 'leak' && state === 'recycling')
  t.diagnostic(String(told?.['reason']))
  assert.match(String(told?.['reason']), /^it holds 1[3-9]\dmb of memory, more than its limit of 130mb$/)
  const young = await gateway.events.ready('old', { since })
  await eventually(() => !isAlive(old.pid), { what: 'the end of the old one' })
  assert.notEqual(young.pid, old.pid)
  const shots = await load.stop()
  assert.deepEqual(failures(shots), [])
  assert.equal(shots.at(-1)?.body, `${second.pid}\n`)
  assert.deepEqual(failures(await other.stop()), [])
  const { falls, recycled } = await gateway.app('leak')
  assert.deepEqual([falls.total, recycled], [0, 1])
})
