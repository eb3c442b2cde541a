import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { request } from '../../src/admin/request.ts'
import { openControlSocket } from '../../src/admin/socket.ts'
import { StartError } from '../../src/lib/start-error.ts'
import { FakeControl } from './fake-control.ts'

test('the socket answers, is for our eyes only, and is gone after a clean end', async (t) => {
  const state = await stateFolder(t)
  {
    await using socket = await openControlSocket(state)
    socket.serve(new FakeControl())
    const { status, text } = await request(state, 'GET', '/version')
    assert.deepEqual([status, text], [200, '{"version":"1.2.3"}'])
    const { mode } = await fs.stat(path.join(state, 'control.sock'))
    assert.equal(mode & 0o777, 0o600)
    assert.equal((await fs.stat(state)).mode & 0o777, 0o700)
  }
  assert.deepEqual(await fs.readdir(state), ['lock'])
})

test('a request that comes before the gateway is ready waits for it', async (t) => {
  const state = await stateFolder(t)
  await using socket = await openControlSocket(state)
  const early = request(state, 'GET', '/version')
  socket.serve(new FakeControl())
  assert.equal((await early).status, 200)
})

test('a second one is refused and told whom to look for', async (t) => {
  const state = await stateFolder(t)
  await using socket = await openControlSocket(state)
  socket.serve(new FakeControl())
  const owned = `Quaymaster is already running here (PID ${process.pid}, http://localhost:8080/). Stop it with: quaymaster down`
  await assert.rejects(openControlSocket(state), { name: 'StartError', message: owned })
  assert.equal((await request(state, 'GET', '/version')).status, 200, 'the first one is unharmed')
})

test('an owner that does not answer is still an owner, and its PID is known', async (t) => {
  const state = await stateFolder(t)
  await using _ = await openControlSocket(state)
  await assert.rejects(openControlSocket(state), (error: Error) => {
    assert.ok(error instanceof StartError)
    assert.match(error.message, new RegExp(`\\(PID ${process.pid}\\)`))
    return true
  })
})

test('after a kill -9 the folder is taken over at once', async (t) => {
  const state = await stateFolder(t)
  const owner = start(t, state)
  assert.equal(await firstLine(owner), 'mine')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  await fs.access(path.join(state, 'control.sock'))
  await using socket = await openControlSocket(state)
  socket.serve(new FakeControl())
  assert.equal((await request(state, 'GET', '/version')).status, 200)
})

test('of several that come at once exactly one wins, also over what a dead one left', async (t) => {
  const state = await stateFolder(t)
  for (let round = 0; round < 3; round += 1) {
    const rivals = Array.from({ length: 4 }, () => start(t, state))
    const lines = await Promise.all(rivals.map(firstLine))
    const winners = rivals.filter((_, i) => lines[i] === 'mine')
    assert.equal(winners.length, 1, lines.join('\n'))
    for (const line of lines) {
      if (line !== 'mine') assert.match(line, new RegExp(`already running here \\(PID ${winners[0]?.pid}`))
    }
    winners[0]?.kill('SIGKILL')
    await Promise.all(rivals.map(async (it) => it.exitCode ?? it.signalCode ?? (await once(it, 'exit'))))
  }
})

test('a folder whose socket has a path too long for the system works as well, from both ends', async (t) => {
  const state = path.join(await stateFolder(t), 'a'.repeat(90), 'b'.repeat(90))
  {
    await using socket = await openControlSocket(state)
    socket.serve(new FakeControl())
    assert.equal((await request(state, 'GET', '/version')).status, 200)
    await assert.rejects(openControlSocket(state), /already running here/)
    assert.ok((await fs.readdir(state)).includes('control.sock'))
  }
  assert.deepEqual(await fs.readdir(state), ['lock'])
  await assert.rejects(request(state, 'GET', '/version'), { code: 'ENOENT' })
})

test('closing twice is harmless', async (t) => {
  const state = await stateFolder(t)
  const socket = await openControlSocket(state)
  await Promise.all([socket[Symbol.asyncDispose](), socket[Symbol.asyncDispose]()])
  await using _ = await openControlSocket(state)
  await socket[Symbol.asyncDispose]()
  await fs.access(path.join(state, 'control.sock'))
})

async function stateFolder(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-'))
  t.after(() => fs.rm(folder, { recursive: true }))
  return path.join(folder, 'state')
}

function start(t: TestContext, state: string): ChildProcess {
  const program = fileURLToPath(new URL('owner.ts', import.meta.url))
  const child = spawn(process.execPath, [program, state], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const piece of child.stdout ?? []) {
    text += String(piece)
    if (text.includes('\n')) break
  }
  return text.split('\n')[0] ?? ''
}
