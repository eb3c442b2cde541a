import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import http from 'node:http'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

import { eventually } from '../support/wait.ts'
import { type Front, ready, route, startFront, token, type Wire } from './kit.ts'

interface Stage extends AsyncDisposable {
  readonly file: string
  readonly front: Front
  readonly wire: Wire
  readonly app: http.Server
  /** The app's connections. */
  readonly sockets: Socket[]
  readonly ask: (line: string, body?: string) => void
}

/** A gateway before an app on a Unix socket, which refuses what is written to who has closed it, and a client. */
async function stage(answer: http.RequestListener): Promise<Stage> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'unsent-'))
  const file = path.join(folder, 'app.sock')
  const sockets: Socket[] = []
  const app = http.createServer(answer)
  app.on('connection', (socket) => sockets.push(socket))
  await once(app.listen(file), 'listening')
  const front = await startFront()
  const wire = await front.wire()
  return {
    file,
    front,
    wire,
    app,
    sockets,
    ask: (line, body = '') =>
      wire.send(
        `${line} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
    async [Symbol.asyncDispose]() {
      await front[Symbol.asyncDispose]()
      if (app.listening) app.close()
      app.closeAllConnections()
      await fs.rm(folder, { recursive: true })
    },
  }
}

const cases = [
  { request: 'GET /hello/b', body: '', status: 200, becomes: 'is sent by another one, once' },
  { request: 'POST /hello/b', body: '', status: 200, becomes: 'is sent by another one, once' },
  { request: 'POST /hello/b', body: 'read in vain', status: 502, becomes: 'is sent nowhere, its body being used up' },
]

for (const { request, body, status, becomes } of cases)
  test(`${request} for a connection that the app closes before a byte is written ${becomes}`, async () => {
    const seen: string[] = []
    await using it = await stage((asked, response) => {
      seen.push(`${asked.method} ${asked.url}`)
      response.end()
    })
    const { ask, front, sockets, wire } = it
    front.routes([route('hello', ready({ run: 1, host: '', port: 0, path: it.file }))])
    ask('GET /hello/a', body)
    assert.equal((await wire.response()).status, 200)
    // Both at once: the gateway reads the request first.
    ask(request, body)
    sockets[0]?.destroy()
    const answer = await wire.response()
    assert.equal(answer.status, status, answer.body)
    const line = request.replace('/hello', '')
    assert.deepEqual(seen, status === 200 ? ['GET /a', line] : ['GET /a'])
    // It has taught to give the next POST a connection of its own, although one is kept.
    ask('GET /hello/c', body)
    assert.equal((await wire.response()).status, 200)
    const before = sockets.length
    ask('POST /hello/d', body)
    assert.equal((await wire.response()).status, 200)
    assert.equal(sockets.length, before + 1)
  })

test('a suspect for a connection that the app closes before a byte is written keeps its turn, and is over when it is', async () => {
  await using it = await stage((asked, response) => {
    if (asked.url !== '/kills') return void response.end()
    it.app.close()
    it.app.closeAllConnections()
  })
  const { ask, front, sockets, wire } = it
  const poison = { seq: 1, suspects: ['GET /b', 'GET /kills'], quarantined: [] }
  front.routes([route('hello', ready({ run: 1, host: '', port: 0, path: it.file }), { poison })])
  ask('GET /hello/a')
  assert.equal((await wire.response()).status, 200)
  ask('GET /hello/b')
  sockets[0]?.destroy()
  assert.equal((await wire.response()).status, 200)
  assert.equal(sockets.length, 2)
  assert.equal((await front.exchange(({ target }) => target === '/hello/b')).held, 0)
  // Who is tried after it is tried alone.
  ask('GET /hello/kills')
  const lost = await eventually(() => front.reports.find((report) => report.type === 'lost'), { what: 'the report' })
  assert.deepEqual(
    lost.flights.map(({ shape, alone }) => [shape, alone]),
    [['GET /kills', true]],
  )
})
