import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { accepts, ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

test('rm under load: what is in flight finishes, then 404, a free port and no process; put back, it serves', async () => {
  await using gateway = await startGateway({ apps: { 'slow.cjs': 'slow-response.cjs', 'other.cjs': 'hello.cjs' } })
  const { pid, port } = await gateway.events.ready('slow')
  await gateway.events.ready('other')
  await using load = startLoad(gateway, { rps: 100, path: '/slow/?ms=20' })
  await using neighbour = startLoad(gateway, { rps: 20, path: '/other/' })
  const long = ask(gateway, '/slow/?ms=1200')
  const streamed = ask(gateway, '/slow/?ms=1200&stream')
  await gateway.events.waitFor(({ event, line }) => event === 'output' && line === 'began /?ms=1200&stream', 'both')
  await gateway.folder.remove('slow.cjs')

  await eventually(async () => (await ask(gateway, '/slow/')).status === 404, { what: '/slow/ to be unknown' })
  assert.equal((await long).body, 'slow-response @version@\n')
  assert.equal((await streamed).body, 'begin slow-response @version@\n')
  await eventually(() => !isAlive(pid), { what: 'its process to be over' })
  await eventually(async () => !(await accepts(port)), { what: 'its port to be free' })
  await eventually(async () => !(await gateway.status()).apps.some(({ name }) => name === 'slow'), {
    what: 'status to forget it',
  })
  // Served or unknown, and nothing between: in this order.
  const shots = await load.stop()
  assert.deepEqual(failures(shots, [200, 404]), [])
  const unknown = Math.min(...shots.flatMap(({ at, ms, status }) => (status === 404 ? [at + ms] : [])))
  assert.ok(shots.some(({ status }) => status === 200) && Number.isFinite(unknown))
  assert.deepEqual(
    shots.filter(({ at, status }) => status === 200 && at > unknown),
    [],
    'served again after it was unknown',
  )
  assert.deepEqual(failures(await neighbour.stop()), [])

  const since = gateway.events.mark()
  await gateway.folder.put('slow.cjs', 'slow-response.cjs')
  await gateway.events.ready('slow', { since })
  assert.equal((await ask(gateway, '/slow/')).status, 200)
})

test('a file that is renamed within apps/ moves to its new name', async () => {
  await using gateway = await startGateway({ apps: { 'before.cjs': 'hello.cjs' } })
  const { pid } = await gateway.events.ready('before')
  await gateway.folder.put('after.cjs', 'hello.cjs')
  await gateway.folder.remove('before.cjs')
  await gateway.events.ready('after')
  await eventually(async () => (await ask(gateway, '/before/')).status === 404, { what: '/before/ to be unknown' })
  assert.equal((await ask(gateway, '/after/')).status, 200)
  await eventually(() => !isAlive(pid), { what: 'the old process to be over' })
})
