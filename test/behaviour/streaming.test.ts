import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask, begin, open } from '../support/http.ts'
import { usageOf } from '../support/processes.ts'
import { eventually, patience, within } from '../support/wait.ts'

test('events of a server reach the client one by one, none waits for the next, and the app learns of a client that left', async () => {
  await using gateway = await startGateway({ apps: { 'clock.cjs': 'sse.cjs' } })
  await gateway.events.ready('clock')
  const response = await open(gateway, '/clock/', { headers: { accept: 'text/event-stream' } })
  assert.equal(response.headers['content-type'], 'text/event-stream')
  let expected = 0
  for await (const piece of response) {
    // The app writes the next one only when this one has been seen, so none can wait for others.
    assert.equal(String(piece), `data: ${expected}\n\n`)
    if (++expected === 10) break
    assert.equal((await ask(gateway, '/clock/next')).status, 200)
  }
  await gateway.events.waitFor(({ line }) => line === 'a listener left', 'the app to learn of it')
})

test('a client that leaves in the middle of an answer cancels it in the app', async () => {
  await using gateway = await startGateway({ apps: { 'slow.cjs': 'slow-response.cjs' } })
  await gateway.events.ready('slow')
  for (const target of ['/?ms=20000', '/?ms=20000&stream']) {
    const leaving = new AbortController()
    const request = begin(gateway, `/slow${target}`, { signal: leaving.signal })
    request.on('error', () => {}).end()
    await gateway.events.waitFor(({ line }) => line === `began ${target}`, 'the request')
    leaving.abort()
    await gateway.events.waitFor(({ line }) => line === `left ${target}`, `the app to learn that ${target} was left`, {
      timeout: 3_000,
    })
  }
})

test('an upload reaches the app while it is still being sent', async () => {
  await using gateway = await startGateway({ apps: { 'sink.cjs': 'upload.cjs' } })
  await gateway.events.ready('sink')
  const request = begin(gateway, '/sink/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  const answer = new Promise<number>((resolve, reject) => {
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', reject)
  })
  request.write('x'.repeat(1_000))
  await eventually(async () => ((await ask(gateway, '/sink/seen')).json() as { seen: number }).seen === 1_000, {
    what: 'the first kilobyte to arrive before the last',
  })
  request.end('y'.repeat(1_000))
  assert.equal(await within(answer, patience, 'the answer'), 200)
  assert.equal(((await ask(gateway, '/sink/seen')).json() as { seen: number }).seen, 2_000)
})

test('100 MB up and 100 MB down arrive whole, without being gathered in memory', async (t) => {
  await using gateway = await startGateway({ apps: { 'sink.cjs': 'upload.cjs' } })
  await gateway.events.ready('sink')
  const before = usageOf(gateway.pid).rss
  let most = before
  const watch = setInterval(() => (most = Math.max(most, usageOf(gateway.pid).rss)), 20)
  try {
    const size = 100_000_000
    const up = await ask(gateway, '/sink/', { method: 'POST', body: Buffer.alloc(size, 'x'), timeout: 30_000 })
    assert.equal((up.json() as { seen: number }).seen, size)
    let received = 0
    const response = await open(gateway, `/sink/pour?bytes=${size}`)
    for await (const piece of response) received += (piece as Buffer).length
    assert.equal(received, size)
  } finally {
    clearInterval(watch)
  }
  t.diagnostic(`RSS from ${(before / 1e6).toFixed(0)} to at most ${(most / 1e6).toFixed(0)} MB`)
  assert.ok(most - before < 150e6, `RSS grew by ${((most - before) / 1e6).toFixed(0)} MB`)
})

test('a slow reader slows the app down instead of filling the gateway', async () => {
  await using gateway = await startGateway({ apps: { 'sink.cjs': 'upload.cjs' } })
  await gateway.events.ready('sink')
  const before = usageOf(gateway.pid).rss
  const response = await open(gateway, '/sink/pour?bytes=500000000')
  response.pause()
  // Nothing is read for a second; without back-pressure all of it would be in the gateway by then.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const grown = usageOf(gateway.pid).rss - before
  response.destroy()
  assert.ok(grown < 100e6, `RSS grew by ${(grown / 1e6).toFixed(0)} MB`)
})

test('an app that breaks off in the middle of an answer breaks it off for the client too', async () => {
  await using gateway = await startGateway({ apps: { 'slow.cjs': 'slow-response.cjs' } })
  const { pid } = await gateway.events.ready('slow')
  const response = await open(gateway, '/slow/?ms=20000&stream')
  assert.equal(response.statusCode, 200)
  const whole = (async () => {
    for await (const _ of response);
  })()
  const rejected = assert.rejects(within(whole, patience, 'the end'), { code: 'ECONNRESET' })
  process.kill(pid, 'SIGKILL')
  await rejected
})
