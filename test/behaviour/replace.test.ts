import assert from 'node:assert/strict'
import test from 'node:test'
import { type AppFile } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, percentile, startLoad } from '../support/load.ts'
import { isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const replacements = 20

function hello(version: string): AppFile {
  return { fixture: 'hello.cjs', words: { version } }
}

async function serves(gateway: Gateway, version: string): Promise<void> {
  await eventually(async () => (await ask(gateway, '/hello/')).body === `hello ${version}\n`, {
    what: `/hello/ to be served by ${version}`,
  })
}

test(`${replacements} replacements under load, by mv and in place in turn, fail no request`, async (t) => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('0'), 'other.cjs': 'hello.cjs' } })
  await gateway.events.ready('other')
  const first = await gateway.events.ready('hello')
  await using load = startLoad(gateway, { rps: 150, path: '/hello/' })
  await using neighbour = startLoad(gateway, { rps: 20, path: '/other/' })
  const began = performance.now()
  for (let version = 1; version <= replacements; version++) {
    if (version % 2) await gateway.folder.put('hello.cjs', hello(String(version)))
    else await gateway.folder.overwrite('hello.cjs', hello(String(version)))
    await serves(gateway, String(version))
  }
  const took = performance.now() - began
  const shots = await load.stop()
  t.diagnostic(`${(took / replacements).toFixed(0)} ms a replacement, ${shots.length} requests, none may fail`)
  t.diagnostic(`99 % within ${percentile(shots, 0.99).toFixed(0)} ms, slowest ${percentile(shots, 1).toFixed(0)} ms`)
  assert.deepEqual(failures(shots), [])
  assert.deepEqual(failures(await neighbour.stop()), [])
  assert.equal(new Set(shots.map(({ body }) => body)).size, replacements + 1)
  await eventually(() => !isAlive(first.pid), { what: 'the first version to be over' })
  await eventually(async () => (await gateway.app('hello')).instances.length === 1, { what: 'one instance' })
})

test('a version that exits and one that never listens leave the old one serving; a good third one is taken', async (t) => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': hello('good') },
    config: { apps: { hello: { health: { boot: '2s' } } } },
  })
  const { pid } = await gateway.events.ready('hello')
  await using load = startLoad(gateway, { rps: 50, path: '/hello/' })
  const bad: [AppFile, RegExp][] = [
    ['crash-on-boot.sh', /no database at 127\.0\.0\.1:5432/],
    ['never-ready.cjs', /not ready within 2s/],
    ['exits-zero.sh', /code 0 before it was ready \(an app has to stay in the foreground\)/],
    [{ text: '' }, /empty/],
  ]
  for (const [file, words] of bad) {
    await gateway.folder.put('hello.cjs', file)
    const { rejected, state } = await eventually(
      async () => {
        const app = await gateway.app('hello')
        return words.test(app.rejected?.reason ?? '') && app
      },
      { what: `status to say why ${JSON.stringify(file)} was not taken` },
    )
    t.diagnostic(`${state}: ${rejected?.reason}`)
    const answer = await ask(gateway, '/hello/')
    assert.equal(answer.headers['x-pid'], String(pid))
  }
  await gateway.folder.put('hello.cjs', hello('better'))
  await serves(gateway, 'better')
  assert.deepEqual(failures(await load.stop()), [])
  const app = await eventually(
    async () => {
      const it = await gateway.app('hello')
      return it.state === 'ready' && it.instances.length === 1 && it
    },
    { what: 'hello to be ready again' },
  )
  assert.equal(app.reason, null)
})

test('the old version goes on serving while a slow new one boots', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('quick') } })
  await gateway.events.ready('hello')
  const since = gateway.events.mark()
  // It listens when there is a file `go`: whoever waited for it before would wait in vain.
  await gateway.folder.put('hello.cjs', { fixture: 'listens-at.cjs', words: { go: gateway.folder.path('go') } })
  await gateway.events.waitFor(({ state }) => state === 'starting', 'the start of the slow one', { since })
  for (let i = 0; i < 50; i++) assert.equal((await ask(gateway, '/hello/')).body, 'hello quick\n')
  await using load = startLoad(gateway, { rps: 100, path: '/hello/' })
  await gateway.folder.write('go', '')
  await eventually(async () => (await ask(gateway, '/hello/')).body === 'listens-at\n', { what: 'the slow one' })
  assert.deepEqual(failures(await load.stop()), [])
})

test('a request in flight at the replacement is finished by the version that began it', async () => {
  await using gateway = await startGateway({
    apps: { 'slow.cjs': { fixture: 'slow-response.cjs', words: { version: 'old' } } },
  })
  const { pid } = await gateway.events.ready('slow')
  const whole = ask(gateway, '/slow/?ms=1500')
  const streamed = ask(gateway, '/slow/?ms=1500&stream')
  await gateway.events.waitFor(({ event, line }) => event === 'output' && line === 'began /?ms=1500', 'the request')
  await gateway.folder.put('slow.cjs', { fixture: 'slow-response.cjs', words: { version: 'new' } })
  await eventually(async () => (await ask(gateway, '/slow/')).body === 'slow-response new\n', { what: 'the new one' })
  assert.equal((await whole).body, 'slow-response old\n')
  assert.equal((await streamed).body, 'begin slow-response old\n')
  await eventually(() => !isAlive(pid), { what: 'the old version to be over' })
})

test('restart makes a new run of the same file without a failed request', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('same') } })
  const first = await gateway.events.ready('hello')
  await using load = startLoad(gateway, { rps: 100, path: '/hello/' })
  const since = gateway.events.mark()
  const { code, stderr } = await gateway.folder.cli('restart', 'hello')
  assert.equal(code, 0, stderr)
  const second = await gateway.events.ready('hello', { since })
  assert.ok(second.run > first.run)
  await eventually(() => !isAlive(first.pid), { what: 'the first run to be over' })
  assert.deepEqual(failures(await load.stop()), [])
})
