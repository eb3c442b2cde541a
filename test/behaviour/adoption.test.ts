import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import test from 'node:test'
import { createFolder, type Folder } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { isAlive, processesOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

/** kill -9 of the gateway, and another one on the same port. `between` is what happens in the meantime. */
async function succeed(first: Gateway, folder: Folder, between?: () => Promise<void>): Promise<Gateway> {
  first.child.kill('SIGKILL')
  await first.ended
  await between?.()
  return await startGateway({ folder, args: ['--port', String(first.port)] })
}

test('what a killed gateway left goes on under the next one: same process, same run, its output heard', async () => {
  await using folder = await createFolder({ config: { apps: { two: { instances: 2 } } } })
  await folder.put('hello.cjs', { fixture: 'hello.cjs', words: { tally: folder.path('starts.txt') } })
  await folder.put('two.cjs', 'echo.cjs')
  await using first = await startGateway({ folder })
  const { pid, run } = await first.events.ready('hello')
  await eventually(async () => (await first.app('two')).instances.filter((it) => it.state === 'ready').length === 2, {
    what: 'two of two',
  })
  const before = (await first.app('two')).instances.map((it) => String(it.pid)).sort()
  await using second = await succeed(first, folder)
  // Not one request may meet a gateway that does not know its apps yet.
  const answer = await ask(second, '/hello/')
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['x-pid'], String(pid))
  const again = await second.events.ready('hello')
  assert.deepEqual([again.pid, again.run], [pid, run])
  await eventually(async () => (await second.app('two')).instances.filter((it) => it.state === 'ready').length === 2, {
    what: 'two of two',
  })
  assert.deepEqual((await second.app('two')).instances.map((it) => String(it.pid)).sort(), before)
  assert.equal((await folder.lines('starts.txt')).length, 1)
  await second.stop()
  await eventually(() => processesOf(folder.dir).length === 0, { what: 'nothing to be left, nor a guardian' })
  assert.deepEqual(await fs.readdir(folder.path('.quaymaster/pipes')), [])
})

test('another gateway over a state folder that was deleted while its owner runs is refused, and no app is touched', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs', 'echo.cjs': 'echo.cjs' } })
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('hello')
  const echo = await first.events.ready('echo')
  await fs.rm(folder.path('.quaymaster'), { recursive: true })
  const since = first.events.mark()
  process.kill(echo.pid, 'SIGKILL')
  await first.events.ready('echo', { since })
  const { code, stderr } = await folder.cli('up', '--port', '0', '--admin-port', '0')
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`another gateway that still runs \\(PID ${first.pid}\\).*kill ${first.pid}`))
  assert.ok(isAlive(pid))
  assert.equal((await ask(first, '/hello/')).headers['x-pid'], String(pid))
})

test('an adopted process that ends is noticed at once and started anew, whatever became of its exit code', async () => {
  await using folder = await createFolder({ apps: { 'fragile.cjs': 'crash-on-request.cjs' } })
  await using first = await startGateway({ folder })
  const { pid, run } = await first.events.ready('fragile')
  await using second = await succeed(first, folder)
  await second.events.ready('fragile')
  const since = second.events.mark()
  await ask(second, '/fragile/crash', { method: 'POST', body: 'x' })
  const next = await second.events.ready('fragile', { since })
  assert.notEqual(next.pid, pid)
  assert.ok(next.run > run)
  const fell = second.events.seen.find((event) => event.state === 'fell')
  assert.match(String(fell?.['reason']), /^ended \(exit code unknown: .*asked to crash/)
})

test('a file that was replaced meanwhile: the old process serves until the new version is ready', async () => {
  await using folder = await createFolder({ apps: { 'slow.cjs': 'slow-boot.cjs' } })
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('slow')
  await using second = await succeed(first, folder, async () => {
    await folder.put('slow.cjs', { fixture: 'slow-boot.cjs', words: { version: 'two' } })
  })
  assert.match((await ask(second, '/slow/')).body, /@version@/)
  const next = await second.events.waitFor((it) => it.state === 'ready' && it.pid !== pid, 'the new version')
  assert.ok(next.pid)
  await eventually(() => !isAlive(pid), { what: 'the predecessor to be gone' })
  assert.match((await ask(second, '/slow/')).body, /two/)
})

test('an app that was removed meanwhile is stopped, one that was stopped by the operator stays so', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs', 'off.cjs': 'hello.cjs' } })
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('hello')
  const off = await first.events.ready('off')
  assert.equal((await folder.cli('stop', 'off')).code, 0)
  await eventually(() => !isAlive(off.pid), { what: 'off to be stopped' })
  await using second = await succeed(first, folder, async () => await fs.rm(`${folder.apps}/hello.cjs`))
  await eventually(() => !isAlive(pid), { what: 'the removed app to be gone' })
  await eventually(
    async () => (await second.status()).apps.map((it) => `${it.name} ${it.state}`).join() === 'off off',
    {
      what: 'off alone, and off',
    },
  )
})
