import assert from 'node:assert/strict'
import test from 'node:test'
import type { GatewayEvent } from '../support/events.ts'
import { createFolder, type Folder } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask, begin } from '../support/http.ts'
import { usageOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

test('requests that come while an app boots are held and then served, a POST with its body too', async () => {
  await using gateway = await startGateway()
  await gateway.folder.put('slow.cjs', 'slow-boot.cjs')
  await gateway.folder.put('echo.cjs', 'echo.cjs')
  await gateway.events.waitFor(({ name, state }) => name === 'slow' && state === 'starting', 'slow to start')
  const answers = await Promise.all([
    ...Array.from({ length: 20 }, async () => ask(gateway, '/slow/')),
    ask(gateway, '/slow/', { method: 'POST', body: 'x'.repeat(200_000) }),
  ])
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const held = ({ event, ...entry }: GatewayEvent): boolean => event === 'request' && Number(entry['held']) > 0
  await gateway.events.waitFor(held, 'a request that was held')
})

test('what cannot be held any longer gets a 503 with Retry-After and the reason, in JSON or as a page', async () => {
  await using gateway = await startGateway({
    apps: { 'never.cjs': 'never-ready.cjs' },
    config: { defaults: { hold: { for: '200ms', max: 2 } } },
  })
  await gateway.events.waitFor(({ name, state }) => name === 'never' && state === 'starting', 'never to start')
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 6 }, async () => ask(gateway, '/never/')))
  const took = performance.now() - began
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [503])
  for (const { headers } of answers) {
    assert.match(headers['retry-after'] ?? '', /^\d+$/)
    assert.match(headers['content-type'] ?? '', /^application\/problem\+json/)
  }
  assert.ok(took >= 180, `${took} ms`)
  const page = await ask(gateway, '/never/', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } })
  assert.equal(page.status, 503)
  assert.match(page.headers['content-type'] ?? '', /^text\/html/)
})

test('who waits for a public app that is removed is told so, and is not asked for a token', async () => {
  await using gateway = await startGateway({
    apps: { 'open.cjs': 'never-ready.cjs' },
    config: { defaults: { auth: 'none' } },
  })
  await gateway.events.waitFor(({ name, state }) => name === 'open' && state === 'starting', 'the start')
  const waiting = ask(gateway, '/open/', { token: null })
  await eventually(async () => (await gateway.app('open')).held === 1, { what: 'it to wait' })
  await gateway.folder.remove('open.cjs')
  const { status, body } = await waiting
  assert.equal(status, 404, body)
  assert.match(body, /The app \\"open\\" was removed before it could answer/)
  assert.equal((await ask(gateway, '/open/', { token: null })).status, 401)
})

test('a request wakes an app that rests for longer than it may wait, and is answered', async () => {
  await using folder = await createFolder()
  await using gateway = await mended(folder, '10s')
  assert.equal((await ask(gateway, '/mends/')).status, 200)
})

test('where no request may wait, one is refused at once, and has the resting app started for the next', async () => {
  await using folder = await createFolder()
  await using gateway = await mended(folder, 0)
  const { status, headers } = await ask(gateway, '/mends/')
  assert.deepEqual([status, headers['retry-after']], [503, '1'])
  await eventually(async () => (await ask(gateway, '/mends/')).status === 200, { what: 'the app' })
})

test('a request whose client leaves is held no longer, and its place is free again', async () => {
  await using gateway = await startGateway({
    apps: { 'never.cjs': 'never-ready.cjs' },
    config: { defaults: { hold: { for: '20s', max: 1 } } },
  })
  await gateway.events.waitFor(({ name, state }) => name === 'never' && state === 'starting', 'never to start')
  const leaving = new AbortController()
  const rejected = assert.rejects(ask(gateway, '/never/first', { signal: leaving.signal }), { name: 'AbortError' })
  await eventually(async () => (await ask(gateway, '/never/second', { timeout: 1_000 })).status === 503, {
    what: 'the one place to be taken by the first',
  })
  leaving.abort()
  await rejected
  const entry = await gateway.events.waitFor(
    ({ event, target }) => event === 'request' && target === '/never/first',
    'the entry of the one who left',
  )
  assert.equal(entry['status'], 499)
  await assert.rejects(ask(gateway, '/never/third', { timeout: 300 }), /in vain/)
})

test('two hundred first requests make one start, and all of them are answered', async () => {
  await using gateway = await startGateway({ apps: { 'slow.cjs': 'slow-boot.cjs' } })
  await gateway.events.ready('slow')
  assert.equal((await gateway.folder.cli('stop', 'slow')).code, 0)
  const since = gateway.events.mark()
  const started = gateway.folder.cli('start', 'slow')
  await gateway.events.waitFor(({ name, state }) => name === 'slow' && state === 'starting', 'the start', { since })
  const answers = await Promise.all(Array.from({ length: 200 }, async () => ask(gateway, '/slow/')))
  assert.equal((await started).code, 0)
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  assert.equal(new Set(answers.map(({ headers }) => headers['x-pid'])).size, 1)
  const starts = gateway.events.seen.slice(since).filter(({ state }) => state === 'starting')
  assert.equal(starts.length, 1)
})

test('uploads that wait for their app fill its places and the socket buffers, not the gateway, and no other app waits', async () => {
  await using gateway = await startGateway({
    apps: { 'never.cjs': 'never-ready.cjs', 'hello.cjs': 'hello.cjs' },
    config: { defaults: { hold: { for: '20s', max: 20 } } },
  })
  await gateway.events.ready('hello')
  await gateway.events.waitFor(({ name, state }) => name === 'never' && state === 'starting', 'never to start')
  const before = usageOf(gateway.pid).rss
  const leaving = new AbortController()
  const uploads = Array.from({ length: 20 }, () => {
    const request = begin(gateway, '/never/', {
      method: 'POST',
      headers: { 'content-length': 100_000_000 },
      signal: leaving.signal,
    })
    request.on('error', () => {}).write(Buffer.alloc(10_000_000))
    return request
  })
  await eventually(async () => (await ask(gateway, '/never/', { timeout: 1_000 })).status === 503, {
    what: 'the places of the app that never boots to be taken',
  })
  const answers = await Promise.all(Array.from({ length: 50 }, async () => ask(gateway, '/hello/')))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const grown = usageOf(gateway.pid).rss - before
  // Of clients that wait 64 MiB in all are read ahead, to hear of those that leave.
  assert.ok(grown < 120e6, `200 MB were offered and RSS grew by ${(grown / 1e6).toFixed(0)} MB`)
  leaving.abort()
  assert.equal(uploads.length, 20)
})

/** A gateway with an app that rests for an hour, but would serve now. */
async function mended(folder: Folder, time: string | number): Promise<Gateway> {
  const defaults = { hold: { for: time }, restart: { min: '1h', max: '1h' } }
  await folder.write('gateway.config.json', JSON.stringify({ defaults }))
  const serving = await folder.putBeside('serving.cjs', 'hello.cjs')
  await folder.put('mends.sh', { text: `#!/bin/sh\n[ -e '${folder.path('well')}' ] || exit 4\nexec '${serving}'\n` })
  const gateway = await startGateway({ folder })
  await gateway.events.waitFor(({ name, state }) => name === 'mends' && state === 'resting', 'the rest')
  await folder.write('well', '')
  return gateway
}
