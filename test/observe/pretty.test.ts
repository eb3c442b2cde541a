import assert from 'node:assert/strict'
import test from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { Announcement } from '../../src/model/protocol.ts'
import { painter } from '../../src/observe/color.ts'
import type { Exchange } from '../../src/observe/journal.ts'
import { accessLine, announcementLine, banner, noticeLine, outputLine, type Look } from '../../src/observe/pretty.ts'

const plain: Look = { paint: painter(false), color: false, width: 5, url: 'http://localhost:8080' }
const colored: Look = { paint: painter(true), color: true, width: 5, url: 'http://localhost:8080' }

/** One of each kind: the record makes the compiler ask for a new one. */
const told: { readonly [K in Announcement['kind']]: readonly [Extract<Announcement, { kind: K }>, string] } = {
  refused: [
    { kind: 'refused', app: 'hi', reason: 'it is empty (0 bytes)' },
    'hi    ✗ cannot run: it is empty (0 bytes)',
  ],
  starting: [
    { kind: 'starting', app: 'hi', run: 4, version: '0123456789abcdef' },
    'hi    · starting run 4 (version 01234567)',
  ],
  adopted: [
    { kind: 'adopted', app: 'hi', run: 4, pid: 123, version: '0123456789abcdef' },
    'hi    ● goes on: an earlier gateway started it (run 4, PID 123, version 01234567)',
  ],
  ready: [
    {
      kind: 'ready',
      path: '/hello',
      app: 'hi',
      run: 4,
      pid: 123,
      address: { host: '127.0.0.1', port: 40001 },
      version: 'abc',
      took: 41.4,
      note: 'It listens elsewhere.',
    },
    'hi    ● http://localhost:8080/hello/ ready in 41ms: run 4, PID 123, port 40001. It listens elsewhere.',
  ],
  noted: [
    { kind: 'noted', app: 'hi', run: 4, note: 'It closes connections.' },
    'hi    ✗ run 4: It closes connections.',
  ],
  recycling: [
    { kind: 'recycling', app: 'hi', run: 4, reason: 'it holds 600mb of memory, more than its limit of 512mb' },
    'hi    · run 4 makes way for a fresh one: it holds 600mb of memory, more than its limit of 512mb',
  ],
  fell: [
    { kind: 'fell', app: 'hi', run: 4, pid: 123, reason: 'exit 1: no such table' },
    'hi    ✗ fell: exit 1: no such table (run 4, PID 123)',
  ],
  crashed: [
    { kind: 'crashed', app: 'hi', run: 4, id: 'hi-4-abc', reason: 'exit 1', blame: 'no request was in flight' },
    'hi    ✗ crash hi-4-abc: exit 1; no request was in flight',
  ],
  quarantined: [
    { kind: 'quarantined', app: 'hi', shape: 'GET /boom', crashes: ['hi-4-abc', 'hi-5-abc'], for: 600_000 },
    'hi    ✗ GET /boom is in quarantine for 10m: see crashes hi-4-abc, hi-5-abc',
  ],
  resting: [
    { kind: 'resting', app: 'hi', falls: 12, for: 3210, reason: 'exit 1' },
    'hi    ✗ crash-looping: 12 falls, next start in 3.2s: exit 1',
  ],
  rejected: [
    { kind: 'rejected', app: 'hi', version: 'bbbbbbbbbb', reason: 'exit 1', kept: 'aaaaaaaaaa' },
    'hi    ✗ version bbbbbbbb was rejected, version aaaaaaaa serves on: exit 1',
  ],
  draining: [{ kind: 'draining', app: 'hi', run: 4, why: 'replaced' }, 'hi    · draining run 4 (replaced)'],
  stopping: [{ kind: 'stopping', app: 'hi', run: 4, pid: null }, 'hi    · stopping run 4'],
  killing: [
    { kind: 'killing', app: 'hi', run: 4, pid: 9, grace: 10_000 },
    'hi    ✗ still alive 10s after SIGTERM, killing run 4, PID 9',
  ],
  stopped: [{ kind: 'stopped', app: 'hi', run: 4, why: 'shutting down' }, 'hi    · run 4 is over (shutting down)'],
  gone: [{ kind: 'gone', app: 'hi' }, 'hi    · gone: its file and its configuration were removed'],
}

for (const [kind, [announcement, line]] of Object.entries(told)) {
  test(`the announcement "${kind}" is one line, with and without colours`, () => {
    assert.equal(announcementLine(announcement, plain), line)
    assert.equal(stripVTControlCharacters(announcementLine(announcement, colored)), line)
  })
}

test('a reason that a child wrote cannot break out of its line', () => {
  const reason = 'exit 1: \u001b[2J\u001b]0;owned\u0007bad\r\nnews\u009b31m'
  assert.equal(announcementLine({ kind: 'refused', app: 'hi', reason }, plain), 'hi    ✗ cannot run: exit 1: badnews')
})

test('a line of an app has its name and a bar, or a mark when it comes from stderr', () => {
  const line = { at: 0, app: 'hi', run: 1, stream: 'stdout', line: 'listening' } as const
  assert.equal(outputLine(line, plain), 'hi    │ listening')
  assert.equal(outputLine({ ...line, stream: 'stderr' }, plain), 'hi    ! listening')
})

test('colours of a child pass only where colours are shown, and end with the line', () => {
  const line = { at: 0, app: 'hi', run: 1, stream: 'stdout', line: '\u001b[1;31mred\u001b[2K' } as const
  assert.equal(outputLine(line, plain), 'hi    │ red')
  assert.ok(outputLine(line, colored).endsWith('\u001b[1;31mred\u001b[0m'))
})

test('the name of an app always has the same colour', () => {
  const line = { at: 0, app: 'clock', run: 1, stream: 'stdout', line: '' } as const
  assert.equal(outputLine(line, colored), outputLine({ ...line, run: 2 }, colored))
})

const exchange: Exchange = {
  id: 'r1',
  at: new Date(2026, 10, 22, 12, 0, 1).getTime(),
  client: '127.0.0.1',
  subject: 'owner',
  app: 'hello',
  run: 4,
  method: 'GET',
  host: 'localhost',
  target: '/hello/',
  status: 200,
  bytesIn: 0,
  bytesOut: 5,
  took: 3.2,
  held: 0,
  error: null,
}

test('an access line has time, method, status, target, duration, app and run', () => {
  assert.equal(accessLine(exchange, plain), '12:00:01 GET 200 /hello/ 3ms → hello#4')
})

test('an access line tells how long a request was held and whose fault an error is', () => {
  const detail = 'connection refused'
  const failed = { ...exchange, status: 502, held: 120, error: { code: 'x', source: 'app', detail } } as const
  assert.equal(accessLine(failed, plain), '12:00:01 GET 502 /hello/ 3ms → hello#4 (held 120ms) app: connection refused')
})

test('an access line of a request without an app, and one with a hostile target', () => {
  const lost = { ...exchange, app: null, run: null, status: 404, target: '/\u001b[2Jx' }
  assert.equal(accessLine(lost, plain), '12:00:01 GET 404 /x 3ms')
})

test('a notice is one line', () => {
  assert.equal(noticeLine('info', 'all\nis well', plain), 'quaymaster all is well')
  assert.equal(noticeLine('warn', 'look', plain), 'quaymaster warning: look')
})

test('the banner shows version, time, URLs, the token and a line per app', () => {
  const text = banner(
    {
      version: '1.2.3',
      took: 312,
      url: 'http://localhost:8080/',
      adminUrl: 'http://127.0.0.1:8081/',
      token: 'tok-en',
      appsDir: '/srv/apps',
      apps: [
        { name: 'hello', state: 'ready', reason: null, url: 'http://localhost:8080/hello/' },
        { name: 'bad', state: 'refused', reason: 'it is empty', url: 'http://localhost:8080/bad/' },
      ],
    },
    plain,
  ).join('\n')
  assert.equal(
    text,
    [
      '',
      '  Quaymaster 1.2.3  ready in 312ms',
      '',
      '  Gateway   http://localhost:8080/',
      '  Admin     http://127.0.0.1:8081/',
      '  Token     tok-en',
      '',
      '  hello ready     http://localhost:8080/hello/',
      '  bad   refused   it is empty',
      '',
    ].join('\n'),
  )
})

test('the banner of an empty folder says what to do', () => {
  const facts = { version: '1', took: null, url: 'u', adminUrl: null, token: null, appsDir: '/srv/apps', apps: [] }
  const text = banner(facts, plain).join('\n')
  assert.match(text, /Drop an executable into \/srv\/apps/)
  assert.doesNotMatch(text, /Token|Admin/)
})
