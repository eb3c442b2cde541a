import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { createFolder, root, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { isAlive } from '../support/processes.ts'
import { eventually, patience, within } from '../support/wait.ts'

const apps = { 'hello.cjs': 'hello.cjs', 'slow.cjs': 'slow-response.cjs' }

test('upgrade hands port and apps to a new process: no request fails, what is in flight finishes, signals still end it', async (t) => {
  await using gateway = await startGateway({ apps, config: { log: { access: 'none' } } })
  const hello = await gateway.events.ready('hello')
  await gateway.events.ready('slow')
  const answer = ask(gateway, '/slow/?ms=2500')
  await gateway.events.waitFor(({ line }) => line === 'began /?ms=2500', 'the request')
  await using load = startLoad(gateway, { rps: 200, path: '/hello/', headers: { connection: 'close' } })
  const since = gateway.events.mark()
  const { code, stdout, stderr } = await gateway.folder.cli('upgrade')
  assert.equal(code, 0, stderr)
  const pid = Number(/goes on as PID (\d+)/.exec(stdout)?.[1])
  assert.notEqual(pid, gateway.pid)
  const listening = await gateway.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
  assert.equal(listening.pid, pid)
  assert.equal((await gateway.events.ready('hello', { since })).pid, hello.pid)
  assert.equal((await answer).status, 200)
  await eventually(() => load.shots.length > 400, { what: 'more requests' })
  const shots = await load.stop()
  assert.deepEqual(failures(shots), [])
  t.diagnostic(`${shots.length} requests, none failed`)
  assert.equal((await gateway.status()).pid, pid)
  gateway.child.kill('SIGTERM')
  assert.equal((await within(gateway.ended, patience, 'the end of both')).code, 0)
  assert.ok(!isAlive(pid) && !isAlive(hello.pid))
})

test(
  'threads hand over what waits in their sockets, to more threads and to one: no connection is lost',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const config = (workers: number): string => JSON.stringify({ log: { access: 'none' }, workers })
    await using gateway = await startGateway({ apps, files: { 'gateway.config.json': config(2) } })
    const hello = await gateway.events.ready('hello')
    await gateway.events.ready('slow')
    await using load = startLoad(gateway, { rps: 500, path: '/hello/', headers: { connection: 'close' } })
    for (const workers of [3, 1]) {
      await gateway.folder.write('gateway.config.json', config(workers))
      const answer = ask(gateway, '/slow/?ms=1500')
      const since = gateway.events.mark()
      await eventually(() => load.inFlight() > 0, { what: 'load' })
      const { code, stderr } = await gateway.folder.cli('upgrade')
      assert.equal(code, 0, stderr)
      const { pid } = await gateway.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
      assert.equal((await answer).status, 200)
      await eventually(() => threadsOf(Number(pid)) === (workers === 1 ? 0 : workers), { what: `${workers} threads` })
    }
    const shots = await load.stop()
    assert.deepEqual(failures(shots), [])
    t.diagnostic(`${shots.length} connections, none failed`)
    assert.equal((await gateway.events.ready('hello')).pid, hello.pid)
  },
)

test('an upgrade amid connections that an app closes without a word: what is told of them finds the new one ready', async () => {
  await using gateway = await startGateway({ config: { log: { access: 'none' } } })
  await gateway.folder.put('closes.cjs', { text: closesAfterEach })
  const { pid } = await gateway.events.ready('closes')
  await using load = startLoad(gateway, { rps: 300, path: '/closes/', method: 'POST' })
  for (const _ of [1, 2]) {
    const before = load.shots.length
    await eventually(() => load.shots.length > before + 100, { what: 'requests' })
    const since = gateway.events.mark()
    assert.equal((await gateway.folder.cli('upgrade')).code, 0)
    assert.equal((await gateway.events.ready('closes', { since })).pid, pid)
  }
  await load.stop()
  assert.equal((await ask(gateway, '/closes/')).status, 200)
  assert.equal((await gateway.app('closes')).state, 'ready')
})

test('an upgrade to what cannot start is refused with the reason, and the old one serves on', async () => {
  await using folder = await createFolder({ apps, config: { starts: { parallel: 4 } } })
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('hello')
  await folder.write('gateway.config.json', '{ "starts": { "parallel": "many" } }')
  const { code, stderr } = await folder.cli('upgrade')
  assert.equal(code, 1, stderr)
  assert.match(stderr, /serves on: the new gateway ended before it was prepared: /)
  gateway.child.kill('SIGUSR2')
  const { level } = await gateway.events.waitFor(
    ({ message }) => String(message).startsWith('Not upgraded: the'),
    'a notice',
  )
  assert.equal(level, 'error')
  assert.equal((await ask(gateway, '/hello/')).headers['x-pid'], String(pid))
  assert.equal((await gateway.app('hello')).state, 'ready')
})

test('an upgrade to code that does not even begin is refused with where and why it ended, and never with a line of it', async () => {
  await using folder = await createFolder({ apps })
  const good = `import ${JSON.stringify(path.join(root, 'bin/quaymaster.mjs'))}`
  await folder.write('start.mjs', good)
  await using gateway = await startGateway({ folder, command: [process.execPath, folder.path('start.mjs'), 'up'] })
  await gateway.events.ready('hello')
  await folder.write('start.mjs', `const secret = 'hunter2' oops`)
  const { code, stderr } = await folder.cli('upgrade')
  assert.equal(code, 1, stderr)
  assert.match(stderr, /serves on: the new gateway ended before it was prepared: .*start\.mjs:1: SyntaxError: /)
  assert.doesNotMatch(stderr, /hunter2/)
  await folder.write('start.mjs', `import './gone.mjs'`)
  gateway.child.kill('SIGUSR2')
  const { message } = await gateway.events.waitFor((it) => String(it.message).startsWith('Not upgraded: '), 'a notice')
  assert.match(String(message), /prepared: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module .*gone\.mjs/)
  await folder.write('start.mjs', good)
  const again = await folder.cli('upgrade')
  assert.equal(again.code, 0, again.stderr)
})

test('an upgrade waits for the outcome of a restart that somebody waits for', async () => {
  await using gateway = await startGateway({ apps: { 'late.cjs': 'slow-boot.cjs' } })
  await gateway.events.ready('late')
  const since = gateway.events.mark()
  const restarted = gateway.folder.cli('restart', 'late')
  await gateway.events.waitFor(({ state }) => state === 'starting', 'the restart', { since })
  gateway.child.kill('SIGUSR2')
  await gateway.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
  const { code, stdout, stderr } = await restarted
  assert.equal(code, 0, stderr)
  assert.match(stdout, /late is ready/)
})

for (const workers of [1, 2]) {
  test(
    `what waits and what is in flight at the old process follows the new one, with ${workers} workers, and SIGUSR2 upgrades it again`,
    { skip: process.platform !== 'linux' && workers > 1 },
    async () => {
      await using gateway = await startGateway({ config: { workers } })
      const go = gateway.folder.path('go')
      await gateway.folder.put('slow.cjs', { text: answersAt(go) })
      await gateway.events.ready('slow')
      await gateway.folder.put('late.cjs', { fixture: 'listens-at.cjs', words: { go } })
      await gateway.events.waitFor(({ state, name }) => state === 'starting' && name === 'late', 'the start')
      const held = ask(gateway, '/late/')
      const lost = ask(gateway, '/slow/get')
      await gateway.events.waitFor(({ line }) => line === 'began /get', 'the request')
      const posted = ask(gateway, '/slow/post', { method: 'POST', body: 'once' })
      await gateway.events.waitFor(({ line }) => line === 'began /post', 'the POST')
      for (const _ of [1, 2]) {
        const since = gateway.events.mark()
        gateway.child.kill('SIGUSR2')
        await gateway.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
      }
      const since = gateway.events.mark()
      const { pid } = await gateway.events.ready('slow')
      process.kill(pid, 'SIGKILL')
      const crashed = await gateway.events.waitFor(({ state }) => state === 'crashed', 'the report', { since })
      assert.doesNotMatch(JSON.stringify(crashed), /no request was in flight/i)
      const told = await posted
      assert.equal(told.status, 502)
      assert.equal((told.json() as { crash?: string }).crash, crashed['id'])
      const { stdout } = await gateway.folder.cli('crashes', String(crashed['id']))
      assert.match(stdout, /POST \/post/)
      await gateway.folder.write('go', '')
      assert.equal((await held).status, 200)
      assert.equal((await lost).status, 200)
    },
  )
}

test('what an upgrade cuts in the end is told and logged as that, whatever the number of workers; who waits for an app is not cut', async () => {
  const cut = async (workers: number): Promise<void> => {
    await using gateway = await startGateway({ apps, config: { workers } })
    await gateway.events.ready('slow')
    // It is cut when the time of a drain is over, which is ten seconds behind the start of a whole gateway.
    const slow = ask(gateway, '/slow/?ms=60000', { timeout: 3 * patience }).catch(() => null)
    await gateway.events.waitFor(({ line }) => line === 'began /?ms=60000', 'the request')
    gateway.child.kill('SIGUSR2')
    await slow
    const entry = await gateway.events.waitFor((it) => it.event === 'request', 'its end')
    assert.equal(entry['status'], 503, JSON.stringify(entry))
  }
  await using gateway = await startGateway({ config: { defaults: { hold: { for: '60s' } } } })
  await gateway.folder.put('late.cjs', { fixture: 'listens-at.cjs', words: { go: gateway.folder.path('go') } })
  await gateway.events.waitFor(({ state, name }) => state === 'starting' && name === 'late', 'the start')
  const held = ask(gateway, '/late/', { timeout: 60_000 })
  await eventually(async () => (await gateway.app('late')).held === 1, { what: 'it to wait' })
  const since = gateway.events.mark()
  gateway.child.kill('SIGUSR2')
  await gateway.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
  // These begin later, so that more than their time is over for who waits.
  await Promise.all([cut(1), cut(2)])
  await gateway.folder.write('go', '')
  assert.equal((await held).status, 200)
})

test('the proof of upgrades, shortened: kept connections, POSTs, streams and downloads lose nothing either', async (t) => {
  const args = [path.join(root, 'bench/upgrades.ts'), '--times', '1', '--workers', '2', '--rps', '300']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root, timeout: 60_000 })
  t.diagnostic(stdout)
  assert.equal(code, 0, `${stdout}${stderr}`)
})

/** How many threads of this process serve clients. */
function threadsOf(pid: number): number {
  const names = fs.readdirSync(`/proc/${pid}/task`).map((id) => fs.readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8'))
  return names.filter((name) => name === 'gateway\n').length
}

/** An app that answers when there is such a file. */
function answersAt(file: string): string {
  return `#!/usr/bin/env node
const waiting = new Set()
setInterval(() => {
  if (!require('node:fs').existsSync(${JSON.stringify(file)})) return
  for (const response of waiting) response.end('answered')
  waiting.clear()
}, 50)
require('node:http').createServer((request, response) => {
  request.resume()
  console.log('began ' + request.url)
  waiting.add(response)
}).listen(process.env.PORT, process.env.HOST)
`
}

/** It keeps no connection, and does not say so. */
const closesAfterEach = `#!/usr/bin/env node
require('node:http').createServer((request, response) => {
  request.resume()
  response.end('ok')
  setTimeout(() => request.socket.destroy(), Math.random() * 6)
}).listen(process.env.PORT, process.env.HOST)
`
