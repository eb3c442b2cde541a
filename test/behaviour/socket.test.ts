import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import type { GatewayEvent } from '../support/events.ts'
import { type AppFile, createFolder } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { end } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

function unix(version: string): AppFile {
  return { fixture: 'unix.cjs', words: { version } }
}

const onSocket = { apps: { hello: { listen: 'socket' } } }

/** The next announcement that this app is ready. */
function ready(gateway: Gateway, name: string, since = 0): Promise<GatewayEvent> {
  const isIt = ({ event, name: app, state }: GatewayEvent): boolean =>
    event === 'app' && app === name && state === 'ready'
  return gateway.events.waitFor(isIt, `${name} ready`, { since })
}

test('an app that asks for a socket is served on it, restarted and replaced without a failed request', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': unix('1') }, config: onSocket })
  const first = await ready(gateway, 'hello')
  const socket = String(first['socket'])
  const folder = path.dirname(socket)
  assert.deepEqual([first['host'], first['port']], [null, null])
  assert.ok(fs.lstatSync(socket).isSocket())
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700)
  const [instance] = (await gateway.app('hello')).instances
  assert.deepEqual([instance?.port, instance?.socket], [null, socket])

  const answer = await ask(gateway, '/hello/', { method: 'POST', body: 'x'.repeat(300_000) })
  assert.deepEqual([answer.status, answer.body, answer.headers['x-place']], [200, 'hello 1\n', socket])
  const host = new URL(gateway.url).host
  assert.deepEqual(JSON.parse(String(answer.headers['x-said'])), [host, null, 300_000])

  const since = gateway.events.mark()
  end(Number(first.pid))
  const second = await ready(gateway, 'hello', since)
  assert.notEqual(second['socket'], socket)
  assert.equal((await ask(gateway, '/hello/')).status, 200)
  await gateway.events.waitFor(({ state }) => state === 'crashed', 'the report', { since })
  const [table, crashes] = await Promise.all([gateway.folder.cli('status'), gateway.folder.cli('crashes')])
  assert.ok(table.stdout.includes(`listens on ${String(second['socket'])}`), table.stdout)
  assert.match(crashes.stdout, new RegExp(`hello run ${Number(first['run'])}: `))

  await using load = startLoad(gateway, { rps: 100, path: '/hello/' })
  await gateway.folder.put('hello.cjs', unix('2'))
  await eventually(() => load.shots.some(({ body }) => body === 'hello 2\n'), { what: 'the second version' })
  assert.deepEqual(failures(await load.stop()), [])
  await eventually(() => fs.readdirSync(folder).length === 1, { what: 'only the socket that is listened on' })
  await gateway.stop()
  assert.ok(!fs.existsSync(folder))
})

test('{socket} in the arguments asks for one, and a deep state folder is no hindrance', async () => {
  const deep = path.join(...Array.from({ length: 12 }, () => 'a-deep-folder'))
  await using gateway = await startGateway({
    apps: { 'py/unix.py': 'unix.py' },
    config: {
      appsDir: 'apps',
      stateDir: deep,
      auth: { tokens: [{ name: 'a', sha256: 'a'.repeat(64) }] },
      defaults: { auth: 'none' },
      apps: { py: { command: ['python3', 'unix.py', '{socket}'], cwd: 'apps/py' } },
    },
  })
  const { socket } = (await ready(gateway, 'py')) as { socket?: unknown }
  assert.ok(Buffer.byteLength(String(socket)) <= 103)
  assert.equal((await ask(gateway, '/py/')).body, 'hello python\n')
  await gateway.stop()
  assert.ok(!fs.existsSync(path.dirname(String(socket))))
})

test('requests wait for an app whose backlog is full, and it is not taken for dead', async () => {
  await using gateway = await startGateway({
    apps: { 'py/unix-narrow.py': 'unix-narrow.py' },
    config: {
      appsDir: 'apps',
      defaults: { auth: 'none' },
      apps: { py: { command: ['python3', 'unix-narrow.py', '{socket}'], cwd: 'apps/py' } },
    },
  })
  await ready(gateway, 'py')
  const answers = await Promise.all(Array.from({ length: 60 }, async () => await ask(gateway, '/py/')))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  assert.equal((await gateway.app('py')).falls.total, 0)
})

test('what listens on a socket goes on under the next gateway when the first one is killed', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': unix('1') }, config: onSocket })
  await using first = await startGateway({ folder })
  const before = await ready(first, 'hello')
  first.child.kill('SIGKILL')
  await first.ended
  await using second = await startGateway({ folder, args: ['--port', String(first.port)] })
  const after = await ready(second, 'hello')
  assert.deepEqual([after.pid, after['socket']], [before.pid, before['socket']])
  assert.equal((await ask(second, '/hello/')).headers['x-pid'], String(before.pid))
})

test('an upgrade leaves the sockets of the apps where they are', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': unix('1') }, config: onSocket })
  const before = await ready(gateway, 'hello')
  const since = gateway.events.mark()
  const { code, stderr } = await gateway.folder.cli('upgrade')
  assert.equal(code, 0, stderr)
  const after = await ready(gateway, 'hello', since)
  assert.deepEqual([after.pid, after['socket']], [before.pid, before['socket']])
  await gateway.events.waitFor(
    ({ message }) => String(message).startsWith('Another process goes on'),
    'the end of the first',
    { since },
  )
  assert.equal((await ask(gateway, '/hello/')).headers['x-pid'], String(before.pid))
  await gateway.stop()
  assert.ok(!fs.existsSync(path.dirname(String(after['socket']))))
})
