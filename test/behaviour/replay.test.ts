import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import { createFolder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask, begin } from '../support/http.ts'

const idempotent = { idempotent: true, body: '100kb' }
const chunked = { 'transfer-encoding': 'chunked' }
const keyed = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }

/** Each is asked of an app of its own, which dies of it the first time. `twice`: it is sent again, with the same bytes. */
const cases = [
  { app: 'length', replay: idempotent, method: 'PUT', size: 70_000, headers: {}, twice: true },
  { app: 'chunked', replay: idempotent, method: 'PUT', size: 70_000, headers: chunked, twice: true },
  { app: 'keyed', replay: { key: true }, method: 'POST', size: 100, headers: keyed, twice: true },
  { app: 'long', replay: idempotent, method: 'PUT', size: 100 * 1024 + 1, headers: {}, twice: false },
  { app: 'long-chunked', replay: idempotent, method: 'PUT', size: 100 * 1024 + 1, headers: chunked, twice: false },
  { app: 'bare-post', replay: { ...idempotent, key: true }, method: 'POST', size: 100, headers: {}, twice: false },
  { app: 'unheard-key', replay: idempotent, method: 'POST', size: 100, headers: keyed, twice: false },
  { app: 'default', replay: {}, method: 'PUT', size: 100, headers: {}, twice: false },
]

/** The same, of requests that wait to be asked for their body. `asked`: they were before the app died. */
const patient = [
  { app: 'put', replay: idempotent, method: 'PUT', path: '/at-once', size: 1_000, asked: true, twice: true },
  { app: 'put-unasked', replay: idempotent, method: 'PUT', path: '/unasked', size: 1_000, asked: false, twice: true },
  { app: 'put-long', replay: idempotent, method: 'PUT', path: '/unasked', size: 200_000, asked: false, twice: true },
  { app: 'get', replay: {}, method: 'GET', path: '/unasked', size: 1_000, asked: false, twice: true },
  { app: 'get-asked', replay: {}, method: 'GET', path: '/at-once', size: 1_000, asked: true, twice: false },
  { app: 'post', replay: idempotent, method: 'POST', path: '/unasked', size: 1_000, asked: false, twice: false },
]

test('what waits to be asked for its body is sent once more when nothing of it has come, and asked once', async (t) => {
  const apps = Object.fromEntries(patient.map(({ app, replay }) => [app, { replay, poison: false }]))
  await using folder = await createFolder({ config: { apps, log: { access: 'none' } } })
  for (const { app } of patient) {
    const words = { tally: folder.path(`${app}.tally`), died: folder.path(`${app}.died`) }
    await folder.put(`${app}.cjs`, { fixture: 'frail.cjs', words })
  }
  await using gateway = await startGateway({ folder })

  for (const { app, method, path, size, asked, twice } of patient) {
    await t.test(app, async () => {
      const body = randomBytes(size)
      const headers = { expect: '100-continue', 'content-length': size }
      const request = begin(gateway, `/${app}${path}`, { method, headers })
      let asks = 0
      request.on('continue', () => {
        asks += 1
        request.end(body)
      })
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.on('error', reject).on('response', resolve)
      })
      const answer = await text(response)
      request.destroy()
      assert.equal(response.statusCode, twice ? 200 : 502, answer)
      if (twice) assert.equal(answer, lineOf(method, body))
      assert.equal(asks, asked || twice ? 1 : 0)
    })
  }
})

test('what an app died of is sent once more if the app is said to bear it, byte for byte, and else is a 502', async (t) => {
  const names = [...cases.map(({ app }) => app), 'midway', 'lethal']
  const settings = [...cases.map(({ replay }) => replay), idempotent, idempotent]
  const apps = Object.fromEntries(names.map((name, at) => [name, { replay: settings[at], poison: false }]))
  await using folder = await createFolder({ config: { apps, log: { access: 'none' } } })
  for (const name of names) {
    const words = { tally: folder.path(`${name}.tally`), died: folder.path(`${name}.died`) }
    await folder.put(`${name}.cjs`, { fixture: 'frail.cjs', words })
  }
  await using gateway = await startGateway({ folder })

  for (const { app, method, size, headers, twice } of cases) {
    await t.test(app, async () => {
      const body = Buffer.concat([randomBytes(size - 3), Buffer.from('die')])
      const line = lineOf(method, body)
      const answer = await ask(gateway, `/${app}/`, { method, headers, body })
      assert.deepEqual(await folder.lines(`${app}.tally`), twice ? [line, line] : [line])
      assert.equal(answer.status, twice ? 200 : 502)
      if (twice) assert.equal(answer.body, line)
      else assert.match(answer.body, /It has crashed/)
    })
  }

  await t.test('an app that dies in the middle of an upload gets what had come, and then the rest', async () => {
    await gateway.events.ready('midway')
    const since = gateway.events.mark()
    const [first, rest] = [randomBytes(20_000), randomBytes(20_000)]
    const request = begin(gateway, '/midway/at-once', { method: 'PUT', headers: { 'content-length': 40_000 } })
    const answered = new Promise((resolve, reject) => {
      request.on('error', reject).on('response', (response) => resolve(text(response)))
    })
    request.write(first)
    await gateway.events.ready('midway', { since })
    request.end(rest)
    const line = lineOf('PUT', Buffer.concat([first, rest]))
    assert.equal(await answered, line)
    assert.deepEqual(await folder.lines('midway.tally'), [line])
  })

  await t.test('what kills the next run, too, is not sent a third time', async () => {
    const body = Buffer.from('each run dies of this: kill')
    assert.equal((await ask(gateway, '/lethal/', { method: 'PUT', body })).status, 502)
    const line = lineOf('PUT', body)
    assert.deepEqual(await folder.lines('lethal.tally'), [line, line])
  })
})

function lineOf(method: string, body: Buffer): string {
  return `${method} ${createHash('sha256').update(body).digest('hex')}`
}
