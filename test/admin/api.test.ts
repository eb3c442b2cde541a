import assert from 'node:assert/strict'
import test from 'node:test'
import { createApi } from '../../src/admin/api.ts'
import { FakeControl } from './fake-control.ts'

test('status, apps, one app and the version are told as JSON', async () => {
  const { control, get } = setUp()
  assert.deepEqual(await (await get('/status')).json(), JSON.parse(JSON.stringify(control.status())))
  assert.equal(((await (await get('/apps')).json()) as unknown[]).length, 2)
  assert.equal(((await (await get('/apps/clock')).json()) as { state: string }).state, 'refused')
  assert.deepEqual(await (await get('/version')).json(), { version: '1.2.3' })
})

test('a command is passed on and its outcome told', async () => {
  const { control, post } = setUp()
  const done = await post('/apps/hello/restart')
  assert.deepEqual([done.status, await done.json()], [200, { app: 'hello', state: 'ready' }])
  assert.deepEqual(control.commands, [['hello', 'restart']])
})

test('a command that is refused says why', async () => {
  const { post } = setUp()
  const refused = await post('/apps/clock/start')
  assert.equal(refused.status, 409)
  assert.equal(refused.headers.get('content-type'), 'application/problem+json')
  assert.equal(await detail(refused), 'Cannot start "clock": needs python3')
})

test('a problem says what kind it is, and has an id of its own to be spoken of', async () => {
  const { get } = setUp()
  const ids = new Set<string>()
  for (const [path, type] of [
    ['/apps/nope', 'not-found'],
    ['/logs?n=zz', 'bad-request'],
  ] as const) {
    const response = await get(path)
    const body = (await response.json()) as { type: string; instance: string }
    assert.equal(body.type, `urn:quaymaster:error:${type}`)
    assert.equal(response.headers.get('x-request-id'), body.instance)
    ids.add(body.instance)
  }
  assert.equal(ids.size, 2)
})

test('an unknown app is not found, and the one that was meant is named', async () => {
  const { get, post } = setUp()
  const meant = 'There is no app "helo". Did you mean "hello"?'
  for (const response of [await post('/apps/helo/stop'), await get('/apps/helo'), await get('/logs?app=helo')]) {
    assert.deepEqual([response.status, await detail(response)], [404, meant])
  }
  assert.match(await detail(await get('/apps/zzzzzzzz')), /The apps are: hello, clock\./)
})

test('a file that is refused unread is read to its end, so that whoever sends it still hears why', async () => {
  let pieces = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (++pieces > 3) controller.close()
      else controller.enqueue(new Uint8Array(1_000))
    },
  })
  const request = new Request('http://localhost/apps/hello/deploy?file=hello', { method: 'POST', body, duplex: 'half' })
  const refused = await createApi(new FakeControl()).request(request)
  assert.deepEqual([refused.status, await detail(refused)], [409, 'Cannot deploy "hello": hello is not taken'])
  assert.equal(pieces, 4)
})

test('what is neither an app nor a crash is said to be neither', async () => {
  const { get } = setUp()
  const found = await get('/crashes?app=zzzzzzzz-1-abc')
  assert.equal(found.status, 404)
  assert.match(await detail(found), /^There is neither an app nor a crash on record called "zzzzzzzz-1-abc"\. The apps/)
})

test('what does not exist is not found, and a wrong method is told the right one', async () => {
  const { control, get, post } = setUp()
  for (const response of [await get('/nope'), await post('/apps/hello/explode')]) assert.equal(response.status, 404)
  for (const [response, allow] of [
    [await get('/apps/hello/stop'), 'POST'],
    [await get('/down'), 'POST'],
    [await post('/status'), 'GET, HEAD'],
    [await post('/apps/hello'), 'GET, HEAD'],
  ] as const) {
    assert.deepEqual([response.status, response.headers.get('allow')], [405, allow])
  }
  assert.equal(control.downs, 0)
  assert.deepEqual(control.commands, [])
})

test('down answers first and then shuts down', async () => {
  const { control, post } = setUp()
  const { promise, resolve } = Promise.withResolvers<void>()
  control.onDown = resolve
  const response = await post('/down')
  assert.deepEqual([response.status, control.downs], [202, 0])
  await promise
  assert.equal(control.downs, 1)
})

test('logs are the newest lines as NDJSON, of one app or all', async () => {
  const { control, get } = setUp()
  for (let i = 0; i < 5; i += 1) control.write(i % 2 ? 'clock' : 'hello', `line ${i}`)
  assert.deepEqual(texts(await (await get('/logs?n=3')).text()), ['line 2', 'line 3', 'line 4'])
  assert.deepEqual(texts(await (await get('/logs?app=clock')).text()), ['line 1', 'line 3'])
  assert.deepEqual(texts(await (await get('/logs?n=0')).text()), [])
  assert.equal((await get('/logs?n=many')).status, 400)
})

test('followed logs go on where the past ends, without a gap and without a repetition', async () => {
  const { control, get } = setUp()
  control.write('hello', 'past')
  const response = await get('/logs?follow=1&app=hello')
  control.write('hello', 'now')
  control.write('clock', 'of another app')
  control.write('hello', 'later')
  assert.ok(response.body)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (texts(text).length < 3) text += (await reader.read()).value ?? ''
  assert.deepEqual(texts(text), ['past', 'now', 'later'])
  await reader.cancel()
})

test('events tell announcements and notices as server-sent events', async () => {
  const { control, get } = setUp()
  const response = await get('/events')
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  control.journal.write({ type: 'announcement', announcement: { kind: 'gone', app: 'hello' } })
  control.journal.write({ type: 'notice', level: 'warn', message: 'a\nb' })
  assert.ok(response.body)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('notice')) text += (await reader.read()).value ?? ''
  assert.match(text, /event: app\ndata: \{"kind":"gone","app":"hello"\}\n\n/)
  assert.match(text, /event: notice\ndata: \{"level":"warn","message":"a\\nb"\}\n\n/)
  await reader.cancel()
})

interface SetUp {
  readonly control: FakeControl
  readonly get: (path: string) => Promise<Response>
  readonly post: (path: string) => Promise<Response>
}

function setUp(): SetUp {
  const control = new FakeControl()
  const api = createApi(control)
  return {
    control,
    get: async (path) => api.request(path),
    post: async (path) => api.request(path, { method: 'POST' }),
  }
}

async function detail(response: Response): Promise<string> {
  return ((await response.json()) as { detail: string }).detail
}

function texts(ndjson: string): string[] {
  const lines = ndjson.split('\n').filter((line) => line !== '')
  return lines.map((line) => (JSON.parse(line) as { line: string }).line)
}
