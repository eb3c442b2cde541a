import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import http from 'node:http'
import type { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

import { ready, route, startFront, token } from './kit.ts'

const cases = [
  { request: 'GET /hello/b', body: '', status: 200, becomes: 'is sent by another one, once' },
  { request: 'POST /hello/b', body: '', status: 200, becomes: 'is sent by another one, once' },
  { request: 'POST /hello/b', body: 'read in vain', status: 502, becomes: 'is sent nowhere, its body being used up' },
]

for (const { request, body, status, becomes } of cases)
  test(`${request} for a connection that the app closes before a byte is written ${becomes}`, async () => {
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'unsent-'))
    const file = path.join(folder, 'app.sock')
    const sockets: Socket[] = []
    const seen: string[] = []
    const app = http.createServer((asked, response) => {
      seen.push(`${asked.method} ${asked.url}`)
      response.end()
    })
    app.on('connection', (socket) => sockets.push(socket))
    await once(app.listen(file), 'listening')
    await using front = await startFront()
    front.routes([route('hello', ready({ run: 1, host: '', port: 0, path: file }))])
    const wire = await front.wire()
    const ask = (line: string): void =>
      wire.send(`${line} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    ask('GET /hello/a')
    assert.equal((await wire.response()).status, 200)
    // Both at once: the gateway reads the request first, and a Unix socket refuses what is written to who has closed it.
    ask(request)
    sockets[0]?.destroy()
    const answer = await wire.response()
    assert.equal(answer.status, status, answer.body)
    const line = request.replace('/hello', '')
    assert.deepEqual(seen, status === 200 ? ['GET /a', line] : ['GET /a'])
    // It has taught to give the next POST a connection of its own, although one is kept.
    ask('GET /hello/c')
    assert.equal((await wire.response()).status, 200)
    const before = sockets.length
    ask('POST /hello/d')
    assert.equal((await wire.response()).status, 200)
    assert.equal(sockets.length, before + 1)
    wire.socket.destroy()
    app.closeAllConnections()
    await new Promise((resolve) => app.close(resolve))
    await fs.rm(folder, { recursive: true })
  })
