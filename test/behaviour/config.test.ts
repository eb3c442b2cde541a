import assert from 'node:assert/strict'
import test from 'node:test'
import { bin, createFolder, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { eventually } from '../support/wait.ts'

/** Three mistakes, in lines 5, 8 and 9. */
const broken = `import { defineConfig } from 'quaymaster'

export default defineConfig({
  listen: { host: 'localhost' },
  workers: 'many',
  apps: {
    hello: {
      path: 'hello',
      healht: { interval: '2s' },
    },
  },
})
`

const good = (greeting: string): string => `import { defineConfig } from 'quaymaster'

export default defineConfig({
  apps: { hello: { env: { GREETING: '${greeting}' } } },
})
`

test('three mistakes are reported at once, each with its line, and the exit code is 2', async (t) => {
  await using folder = await createFolder({ config: broken, apps: { 'hello.cjs': 'hello.cjs' } })
  const { code, stdout, stderr } = await run(process.execPath, [bin, 'up', '--port', '0', '--admin-port', '0'], {
    cwd: folder.dir,
  })
  t.diagnostic(stderr)
  assert.equal(code, 2)
  assert.equal(stdout, '')
  for (const [line, words] of [
    [5, /workers.*many/s],
    [8, /apps\.hello\.path|'hello'|"hello"/],
    [9, /healht.*health/s],
  ] as const) {
    assert.match(stderr, new RegExp(`gateway\\.config\\.ts:${line}\\b`))
    assert.match(stderr, words)
  }
})

test('a configuration that does not even parse is told with its place, and the exit code is 2', async () => {
  await using folder = await createFolder({ config: 'export default {\n  apps: {\n' })
  const { code, stderr } = await run(process.execPath, [bin, 'up', '--port', '0', '--admin-port', '0'], {
    cwd: folder.dir,
  })
  assert.equal(code, 2)
  assert.match(stderr, /gateway\.config\.ts/)
  assert.doesNotMatch(stderr, /at .*node:internal/)
})

test('breaking the configuration while it runs harms nobody and is told; a good edit is taken without a failed request', async () => {
  await using gateway = await startGateway({
    config: good('hi'),
    apps: { 'hello.cjs': 'echo.cjs', 'other.cjs': 'hello.cjs' },
  })
  const hello = await gateway.events.ready('hello')
  const other = await gateway.events.ready('other')
  const greeting = async (): Promise<string | undefined> => {
    return ((await ask(gateway, '/hello/env')).json() as { env: Record<string, string> }).env['GREETING']
  }
  assert.equal(await greeting(), 'hi')
  await using load = startLoad(gateway, { rps: 100, path: '/hello/' })
  await using neighbour = startLoad(gateway, { rps: 20, path: '/other/' })

  const since = gateway.events.mark()
  await gateway.folder.write('gateway.config.ts', broken)
  const { message } = await gateway.events.waitFor(
    (event) => event.event === 'notice' && JSON.stringify(event).includes('healht'),
    'word of the mistakes',
    { since },
  )
  assert.match(String(message), /workers/)
  assert.equal(await greeting(), 'hi')
  assert.equal((await gateway.app('hello')).instances[0]?.pid, hello.pid)

  await gateway.folder.write('gateway.config.ts', good('servus'))
  await eventually(async () => (await greeting()) === 'servus', { what: 'the new greeting' })
  assert.deepEqual(failures(await load.stop()), [])
  assert.deepEqual(failures(await neighbour.stop()), [])
  // Only what changed was restarted.
  assert.equal((await gateway.app('other')).instances[0]?.pid, other.pid)
  assert.notEqual((await gateway.app('hello')).instances.at(-1)?.pid, hello.pid)
})

test('a host and a public app come with an edit and without a restart, a path with a new run that is told of it', async () => {
  await using gateway = await startGateway({ config: good('hi'), apps: { 'hello.cjs': 'echo.cjs' } })
  const { pid } = await gateway.events.ready('hello')
  const edit = async (more: string): Promise<void> => {
    const text = `export default { apps: { hello: { env: { GREETING: 'hi' }, host: 'hello.test', auth: 'none' ${more} } } }\n`
    await gateway.folder.write('gateway.config.ts', text)
  }
  await edit('')
  await eventually(async () => (await ask(gateway, '/hello/x', { token: null })).status === 200, {
    what: '/hello/ to be public',
  })
  assert.equal((await ask(gateway, '/', { host: 'hello.test', token: null })).status, 200)
  assert.equal((await gateway.app('hello')).instances[0]?.pid, pid)

  await edit(", path: '/api/v1'")
  await eventually(async () => (await gateway.app('hello')).instances.every((it) => it.pid !== pid), {
    what: 'a run that knows its new path',
  })
  const { url, headers } = (await ask(gateway, '/api/v1/x?y=z')).json() as {
    url: string
    headers: Record<string, string>
  }
  assert.equal(url, '/x?y=z')
  assert.equal(headers['x-forwarded-prefix'], '/api/v1')
  assert.equal((await ask(gateway, '/hello/')).status, 404)
})

test('a command of the configuration is an app, {port} is filled in, and instances come as many as asked', async () => {
  await using gateway = await startGateway({
    files: {
      'server.cjs':
        "require('node:http').createServer((q, s) => s.end(String(process.pid))).listen(+process.argv[2], '127.0.0.1')\n",
    },
    config: { apps: { made: { command: 'node ./server.cjs {port}', cwd: '.', instances: 3 } } },
  })
  await eventually(
    async () => (await gateway.app('made')).instances.filter(({ state }) => state === 'ready').length === 3,
    {
      what: 'three instances',
    },
  )
  const pids = new Set<string>()
  await eventually(
    async () => {
      pids.add((await ask(gateway, '/made/')).body)
      return pids.size === 3
    },
    { what: 'answers of all three' },
  )
})
