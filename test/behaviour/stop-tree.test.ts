import assert from 'node:assert/strict'
import test from 'node:test'
import { createFolder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { slowness } from '../support/pace.ts'
import { isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const grace = 1_000

test('an app that ignores SIGTERM is gone within grace + 1 s of stop, with its grandchildren in any session', async (t) => {
  await using folder = await createFolder({ config: { defaults: { stop: { grace } } } })
  await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
  await folder.put('other.cjs', 'hello.cjs')
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('deaf')
  const other = await gateway.events.ready('other')
  const pids = (await folder.lines('pids.txt')).map(Number)
  assert.equal(pids.length, 3)
  assert.deepEqual(pids.map(isAlive), [true, true, true])
  assert.equal((await ask(gateway, '/deaf/')).body, 'deaf\n')

  const mark = gateway.events.mark()
  const stopped = folder.cli('stop', 'deaf')
  // From the moment the command arrives: what the CLI needs to start depends on the machine.
  await gateway.events.waitFor(({ name, state }) => name === 'deaf' && state === 'draining', 'the command', {
    since: mark,
  })
  const began = performance.now()
  await eventually(() => !pids.some(isAlive), { what: 'all three to be gone' })
  const took = performance.now() - began
  t.diagnostic(`all gone ${took.toFixed(0)} ms after stop, with a grace of ${grace} ms`)
  assert.ok(took >= grace * 0.8, `gone after ${took} ms: the grace of ${grace} ms was not given`)
  assert.ok(took < grace + 1_000 * (await slowness()), `took ${took} ms`)
  assert.equal((await stopped).code, 0)

  // Stopped by the operator it stays stopped, says so, and can be started again.
  await eventually(async () => (await gateway.app('deaf')).state === 'off', { what: 'deaf to be off' })
  const answer = await ask(gateway, '/deaf/')
  assert.equal(answer.status, 503)
  assert.match(answer.headers['content-type'] ?? '', /problem\+json/)
  assert.ok(isAlive(other.pid))
  const since = gateway.events.mark()
  assert.equal((await folder.cli('start', 'deaf')).code, 0)
  await gateway.events.ready('deaf', { since })
  assert.equal((await ask(gateway, '/deaf/')).status, 200)
})

test('the grandchildren of an app that was killed from outside do not stay behind', async () => {
  await using folder = await createFolder({ config: { defaults: { stop: { grace } } } })
  await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('deaf')
  const first = (await folder.lines('pids.txt')).map(Number)
  const since = gateway.events.mark()
  process.kill(pid, 'SIGKILL')
  await gateway.events.ready('deaf', { since })
  await eventually(() => !first.some(isAlive), { what: 'the first three to be gone' })
  const second = (await folder.lines('pids.txt')).map(Number)
  assert.deepEqual(second.map(isAlive), [true, true, true])
})
