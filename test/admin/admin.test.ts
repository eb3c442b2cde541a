import assert from 'node:assert/strict'
import { request } from 'node:http'
import test from 'node:test'
import vm from 'node:vm'
import { openAdmin, type Admin } from '../../src/admin/admin.ts'
import { page, pageHeaders } from '../../src/admin/page/page.ts'
import { script } from '../../src/admin/page/script.ts'
import { StartError } from '../../src/lib/start-error.ts'
import { FakeControl } from './fake-control.ts'

test('every request to the API needs a token that may do everything, by either field', async () => {
  await using admin = await open()
  for (const path of ['/api/v1/status', '/api/v1/events', '/api/v1/nope']) {
    const refused = await ask(admin, path)
    assert.equal(refused.status, 401)
    assert.match(refused.headers['www-authenticate'] ?? '', /^Bearer/)
  }
  assert.equal((await ask(admin, '/api/v1/status', { authorization: 'Bearer wrong' })).status, 401)
  assert.equal((await ask(admin, '/api/v1/status', { authorization: 'Basic right' })).status, 401)
  assert.equal((await ask(admin, '/api/v1/status', { authorization: 'bearer right' })).status, 200)
  assert.equal((await ask(admin, '/api/v1/status', { 'x-api-token': 'right' })).status, 200)
})

test('a name that was rebound to this machine is refused, page included', async () => {
  await using admin = await open()
  const token = { 'x-api-token': 'right' }
  for (const host of ['evil.example', 'localhost.evil.example', 'evil.example:8081', '127.0.0.1.evil.example']) {
    assert.equal((await ask(admin, '/api/v1/status', { ...token, host })).status, 421, host)
    assert.notEqual((await ask(admin, '/', { host })).status, 200, host)
  }
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8081', '[::1]:8081']) {
    assert.equal((await ask(admin, '/api/v1/status', { ...token, host })).status, 200, host)
  }
})

test('no other origin is let in', async () => {
  await using admin = await open()
  const headers = { origin: 'https://evil.example', 'x-api-token': 'right' }
  const answer = await ask(admin, '/api/v1/status', headers)
  assert.equal(answer.headers['access-control-allow-origin'], undefined)
})

test('the page needs no token, loads nothing, and runs only its own script', async () => {
  await using admin = await open()
  const answer = await ask(admin, '/')
  assert.equal(answer.status, 200)
  assert.equal(answer.text, page)
  assert.match(
    answer.headers['content-security-policy'] ?? '',
    /default-src 'none'; script-src 'sha256-[^']+'; style-src/,
  )
  assert.doesNotMatch(page, /\b(src|href)="(?!data:)/)
  assert.doesNotMatch(page, / on[a-z]+="| style="/)
  assert.doesNotMatch(script, /innerHTML|insertAdjacent|document\.write|\.style\b/)
})

test('the page is what the browser will hash, and its script parses', () => {
  const [, inner = ''] = /<script>([\s\S]*)<\/script>/.exec(page) ?? []
  assert.equal(inner, script)
  assert.doesNotThrow(() => new vm.Script(script))
  assert.match(pageHeaders['Content-Type'] ?? '', /utf-8/)
})

test('every id that the script asks for is in the page, and every field has a label', () => {
  for (const [, id = ''] of script.matchAll(/byId\('([a-z]+)'\)/g)) assert.ok(page.includes(`id="${id}"`), id)
  assert.match(page, /<html lang="en">/)
  assert.match(page, /<caption>/)
})

test('a port that is taken is one sentence', async () => {
  await using first = await open()
  await assert.rejects(open(first.port), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(
      error.message,
      /^Cannot open the admin listener on 127\.0\.0\.1:\d+: the port is taken\. .*--admin-port/,
    )
    return true
  })
})

test('closing ends those who follow, and twice is harmless', async () => {
  const admin = await open()
  const following = fetch(`${admin.url}/api/v1/events`, { headers: { 'x-api-token': 'right' } })
  const { body } = await following
  await admin[Symbol.asyncDispose]()
  await admin[Symbol.asyncDispose]()
  await assert.rejects(async () => {
    for await (const _ of body ?? []) continue
  })
})

test('a follower that leaves leaves nothing behind', async () => {
  const control = new FakeControl()
  let followers = 0
  const subscribe = control.journal.subscribe.bind(control.journal)
  const { promise: left, resolve } = Promise.withResolvers<void>()
  control.journal.subscribe = (observer) => {
    followers += 1
    const subscription = subscribe(observer)
    return {
      [Symbol.dispose]() {
        followers -= 1
        subscription[Symbol.dispose]()
        resolve()
      },
    }
  }
  await using admin = await open(0, control)
  const leaving = new AbortController()
  await fetch(`${admin.url}/api/v1/events`, { headers: { 'x-api-token': 'right' }, signal: leaving.signal })
  assert.equal(followers, 1)
  leaving.abort()
  await left
  assert.equal(followers, 0)
})

function open(port = 0, control = new FakeControl()): Promise<Admin> {
  return openAdmin({ host: '127.0.0.1', port, control, authorise: (token) => token === 'right' })
}

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string>
  readonly text: string
}

/** Not `fetch`, which sets `Host` itself. */
async function ask({ port }: Admin, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const call = request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers as NodeJS.Dict<string>, text }),
    )
  })
  call.on('error', reject).end()
  return promise
}
