import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { rawRequest } from '../support/http.ts'
import { root } from '../support/folder.ts'
import { startSample } from './sample.ts'

let temporary: string
/** What each is started with, by name. */
let samples: Readonly<Record<string, readonly string[]>>

before(async () => {
  temporary = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-samples-'))
  const hi = path.join(temporary, 'hi')
  await promisify(execFile)('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', hi, 'examples/c/hello.c'], { cwd: root })
  samples = {
    'hello.mjs': ['apps/hello.mjs'],
    'clock.py': ['apps/clock.py'],
    fortune: ['apps/fortune'],
    chat: [process.execPath, path.join(root, 'apps/chat/server.mjs')],
    'hello.c': [hi],
  }
})

after(() => fs.rm(temporary, { recursive: true }))

test('every sample app is executable, or a folder with an app.json', async () => {
  for (const entry of await fs.readdir(path.join(root, 'apps'), { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue
    const file = path.join(root, 'apps', entry.name)
    if (entry.isDirectory()) await fs.access(path.join(file, 'app.json'))
    else assert.ok((await fs.stat(file)).mode & 0o100, `${entry.name} has its execute bit`)
  }
})

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

for (const name of ['hello.mjs', 'clock.py', 'fortune', 'chat', 'hello.c']) {
  test(`${name} keeps a connection, reads no body as a request, and ends on SIGTERM while others stay connected`, async () => {
    await using sample = await startSample(samples[name] ?? [])
    const { port } = sample
    const silent = net.connect(port, '127.0.0.1')
    silent.on('error', () => {})
    await once(silent, 'connect')

    const kept = await rawRequest(port, get + get, 300)
    assert.equal(count(kept, 'HTTP/1.1 200'), 2, kept)

    const head = await rawRequest(port, 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n', 300)
    assert.ok(head.startsWith('HTTP/1.1 200') && head.endsWith('\r\n\r\n'), head)

    const hidden = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${get.length}\r\n\r\n${get}`
    assert.equal(count(await rawRequest(port, hidden, 300), 'HTTP/1.1 '), 1)

    const old = await rawRequest(port, 'GET / HTTP/1.0\r\n\r\n', 300)
    assert.match(old, /^HTTP\/1\.[01] 200/)

    assert.match(await rawRequest(port, 'nonsense\r\n\r\n', 300), /400/)

    assert.equal(await sample.terminate(), 0)
    silent.destroy()
  })
}

test('hello greets the subject and shows what it was given, without letting anyone write into its page', async () => {
  await using sample = await startSample(['apps/hello.mjs'], { GREETING: 'Ahoy', QUAYMASTER_RUN: '7' })
  const fields = 'X-Auth-Subject: <b>ci\r\nX-Forwarded-Prefix: /hello\r\nConnection: close\r\n'
  const text = await rawRequest(sample.port, `GET /a HTTP/1.1\r\nHost: x\r\n${fields}\r\n`)
  assert.match(text, /Ahoy, <b>ci!/)
  assert.match(text, /QUAYMASTER_RUN +7/)
  const page = await rawRequest(sample.port, `GET /a HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n${fields}\r\n`)
  assert.ok(!page.includes('<b>') && page.includes('href="/hello/"'), page)
})

test('the clock ticks, and a SIGTERM ends its streams cleanly', async () => {
  await using sample = await startSample(['apps/clock.py'])
  const socket = net.connect(sample.port, '127.0.0.1')
  socket.setEncoding('latin1')
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  let received = ''
  while (!/data: \d\d:\d\d:\d\d/.test(received)) received += String(await once(socket, 'data'))
  const ended = once(socket, 'end')
  socket.on('data', (text: string) => (received += text))
  assert.equal(await sample.terminate(), 0)
  await ended
  assert.ok(received.endsWith('0\r\n\r\n'), received)
})

function count(text: string, part: string): number {
  return text.split(part).length - 1
}
