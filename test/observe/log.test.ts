import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import test from 'node:test'
import type { Listening } from '../../src/observe/format.ts'
import { Journal, noExchanges, type Entry } from '../../src/observe/journal.ts'
import { openLog, type LogOptions } from '../../src/observe/log.ts'
import { requestLine } from '../../src/observe/request-line.ts'

const facts: Listening = {
  version: '1.2.3',
  took: 300,
  url: 'http://localhost:8080/',
  adminUrl: 'http://127.0.0.1:8081/',
  token: 'very-secret-token',
  tokenFile: '/srv/.quaymaster/token',
  appsDir: '/srv/apps',
  pid: 42,
  apps: [],
}

const exchange: Entry = {
  type: 'exchange',
  id: 'r1',
  at: 0,
  client: '127.0.0.1',
  subject: null,
  app: 'hello',
  run: 1,
  method: 'GET',
  host: 'localhost',
  target: '/hello/',
  status: 200,
  bytesIn: 0,
  bytesOut: 0,
  took: 1.234_567_8,
  held: 0.000_4,
  error: null,
}

const entries: readonly Entry[] = [
  { type: 'announcement', announcement: { kind: 'starting', app: 'hello', run: 1, version: 'abc' } },
  {
    type: 'announcement',
    announcement: {
      kind: 'ready',
      path: '/hello',
      app: 'hello',
      run: 1,
      pid: 7,
      address: { host: '127.0.0.1', port: 4001 },
      version: 'abc',
      took: 9.000_51,
      note: null,
    },
  },
  { type: 'output', at: 5, app: 'hello', run: 1, stream: 'stderr', line: 'uh\u001b[31moh\u009b' },
  exchange,
  { type: 'notice', level: 'warn', message: 'careful' },
]

test('every JSON line is one object with an event, and the first is `listening` whatever happened before', async () => {
  const text = await logged({ format: 'json' }, entries.slice(0, 2), entries.slice(2))
  const lines = text.trimEnd().split('\n')
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    events.map(({ event }) => event),
    ['listening', 'app', 'app', 'output', 'request', 'notice'],
  )
  const [listening, starting, ready, output, request, notice] = events
  assert.equal(listening?.['url'], facts.url)
  assert.equal(listening?.['adminUrl'], facts.adminUrl)
  assert.equal(listening?.['pid'], 42)
  assert.deepEqual(pick(starting, 'name', 'state', 'run', 'pid', 'port'), ['hello', 'starting', 1, null, null])
  assert.deepEqual(pick(ready, 'name', 'state', 'run', 'pid', 'port'), ['hello', 'ready', 1, 7, 4001])
  assert.deepEqual(pick(output, 'app', 'stream', 'line'), ['hello', 'stderr', 'uh\u001b[31moh\u009b'])
  assert.deepEqual(pick(request, 'method', 'target', 'status', 'app'), ['GET', '/hello/', 200, 'hello'])
  assert.deepEqual(pick(request, 'took', 'held', 'at'), [1.235, 0, 0])
  assert.equal(ready?.['took'], 9.001)
  assert.deepEqual(pick(notice, 'level', 'message'), ['warn', 'careful'])
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

test('the line of a request has every field of its entry, and reads the same whatever a client put into it', async () => {
  const odd = '"\\ \u0000\u001b\u009b\u2028é\ud800'
  const strange = { ...exchange, target: odd, host: odd, subject: odd, client: odd, method: odd }
  const failed = { ...exchange, status: 502, app: null, run: null, error: { code: 'x', source: 'app', detail: odd } }
  const text = await logged({ format: 'json' }, [], [exchange, strange, failed as Entry])
  const lines = text.trimEnd().split('\n').slice(1)
  for (const [at, { type: _, ...entry }] of [exchange, strange, failed].entries()) {
    const { time, ...line } = JSON.parse(lines[at] ?? '') as Record<string, unknown>
    assert.equal(new Date(String(time)).toISOString(), time)
    const level = entry.status >= 500 ? 'error' : 'info'
    assert.deepEqual(line, { level, event: 'request', ...entry, took: 1.235, held: 0 })
  }
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/)
})

test('the token is in the banner and never in a log', async () => {
  assert.doesNotMatch(await logged({ format: 'json' }, [], entries), /very-secret/)
  assert.match(await logged({ format: 'pretty' }, [], entries), /Token +very-secret-token/)
})

test('people see the banner first, then a line for each entry, names in one column', async () => {
  const text = await logged({ format: 'pretty' }, entries.slice(0, 1), entries.slice(1))
  const lines = text.trimEnd().split('\n')
  const first = lines.findIndex((line) => line.startsWith('hello'))
  assert.match(lines.slice(0, first).join('\n'), /Quaymaster 1\.2\.3/)
  assert.equal(lines.length - first, entries.length)
  assert.match(text, /^hello ! uhoh$/m)
})

test('access lines can be limited to errors, or left out', async () => {
  const broken = { ...exchange, error: { code: 'truncated-response', source: 'app', detail: 'it broke off' } } as const
  const left = {
    ...exchange,
    status: 499,
    error: { code: 'client-left', source: 'client', detail: 'it left' },
  } as const
  const some: Entry[] = [exchange, { ...exchange, status: 404 }, { ...exchange, status: 502 }, broken, left]
  const count = async (options: Partial<LogOptions>): Promise<number> => {
    return (await logged({ format: 'json', ...options }, [], some)).split('"request"').length - 1
  }
  assert.equal(await count({}), 5)
  assert.equal(await count({ access: 'errors' }), 2)
  assert.equal(await count({ level: 'error' }), 2)
  assert.equal(await count({ access: 'none' }), 0)
})

test('exchanges that come as their lines are logged as if they had come one by one', async () => {
  const { type: _, ...good } = exchange
  const some = [good, { ...good, status: 404, target: '/a\n"b' }, { ...good, status: 502 }]
  const alone = some.map((it): Entry => ({ type: 'exchange', ...it }))
  const lines = some.map((it) => `${requestLine(it, Date.now())}\n`).join('')
  const together: Entry[] = [{ type: 'exchanges', lines, count: some.length }]
  const variants: Partial<LogOptions>[] = [
    { format: 'json' },
    { format: 'json', access: 'errors' },
    { format: 'json', access: 'none' },
    { format: 'json', level: 'error' },
    { format: 'json', level: 'silent' },
    { format: 'pretty' },
    { format: 'pretty', access: 'errors' },
  ]
  for (const options of variants) {
    const texts = [await logged(options, alone, alone), await logged(options, together, together)]
    const [one, other] = texts.map((text) => text.replaceAll(/"time":"[^"]*"/g, '"time"'))
    assert.equal(other, one)
  }
})

test('a log says from which gravity on it looks at requests', async () => {
  const least = async (options: Partial<LogOptions>): Promise<number> => {
    const journal = new Journal()
    await using _ = await openLog({ journal, out: new PassThrough(), format: 'json', color: false, ...options })
    return journal.least
  }
  assert.equal(await least({}), 0)
  assert.equal(await least({ access: 'errors' }), 500)
  assert.equal(await least({ level: 'warn' }), 500)
  assert.equal(await least({ access: 'none' }), noExchanges)
  assert.equal(await least({ level: 'silent' }), noExchanges)
})

test('a level leaves out what is less severe, but never where the gateway listens', async () => {
  const text = await logged({ format: 'json', level: 'warn' }, [], entries)
  assert.equal(text.trimEnd().split('\n').length, 2)
  assert.match(text, /"listening"/)
  assert.match(text, /careful/)
})

async function logged(
  options: Partial<LogOptions>,
  before: readonly Entry[],
  after: readonly Entry[],
): Promise<string> {
  const journal = new Journal()
  const out = new PassThrough()
  let text = ''
  out.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  {
    await using log = await openLog({ journal, out, format: 'json', color: false, ...options })
    for (const entry of before) journal.write(entry)
    log.listening(facts)
    for (const entry of after) journal.write(entry)
  }
  out.end()
  journal.write({ type: 'notice', level: 'info', message: 'after the end' })
  return text
}

function pick(event: Record<string, unknown> | undefined, ...names: readonly string[]): unknown[] {
  return names.map((name) => event?.[name])
}
