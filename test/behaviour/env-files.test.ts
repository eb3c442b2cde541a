import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'
import { createFolder, root } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'

type Environment = Record<string, string | undefined>

async function environmentOf(gateway: Gateway, name: string): Promise<Environment> {
  return ((await ask(gateway, `/${name}/env`)).json() as { env: Environment }).env
}

test('an app gets its address, its names and the files meant for it; a variable taken out is gone at the next start', async () => {
  await using folder = await createFolder({
    apps: { 'shop.cjs': 'echo.cjs', 'inner/run': 'echo.cjs' },
    config: { apps: { shop: { env: { FROM_CONFIG: 'yes', BOTH: 'config' }, envFile: ['shop.env', 'later.env'] } } },
    files: {
      'shop.env': 'FROM_FILE=yes\nBOTH=file\nTWICE=first\nQUOTED="two words"\n',
      'later.env': 'TWICE=second\n',
      'apps/inner/.env': 'INNER=yes\n',
    },
  })
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('inner')
  const { run, port } = await gateway.events.ready('shop')
  const env = await environmentOf(gateway, 'shop')
  assert.equal(env['PORT'], String(port))
  assert.equal(env['HOST'], '127.0.0.1')
  assert.equal(env['QUAYMASTER_APP'], 'shop')
  assert.equal(env['QUAYMASTER_RUN'], String(run))
  assert.equal(env['BASE_PATH'], '/shop')
  assert.match(env['PUBLIC_URL'] ?? '', new RegExp(`:${gateway.port}/shop/?$`))
  assert.deepEqual(
    [env['FROM_CONFIG'], env['FROM_FILE'], env['BOTH'], env['TWICE'], env['QUOTED']],
    ['yes', 'yes', 'config', 'second', 'two words'],
  )
  assert.equal((await environmentOf(gateway, 'inner'))['INNER'], 'yes')
  assert.equal((await environmentOf(gateway, 'inner'))['FROM_FILE'], undefined)

  await folder.write('shop.env', 'BOTH=file\n')
  const since = gateway.events.mark()
  assert.equal((await folder.cli('restart', 'shop')).code, 0)
  await gateway.events.ready('shop', { since })
  const after = await environmentOf(gateway, 'shop')
  assert.equal(after['FROM_FILE'], undefined)
  assert.equal(after['BOTH'], 'config')
})

test("nothing of npm's environment reaches an app, and it finds the machine's own Node", async () => {
  await using folder = await createFolder({ apps: { 'shop.cjs': 'echo.cjs' } })
  await using gateway = await startGateway({
    folder,
    cwd: root,
    command: ['npm', 'start', '-s', '--'],
    args: ['--apps', folder.apps, '--state', folder.path('.quaymaster')],
  })
  await gateway.events.ready('shop')
  const env = await environmentOf(gateway, 'shop')
  const leaked = Object.keys(env).filter((name) => /^npm_|^(NODE|INIT_CWD|NODE_TEST_CONTEXT)$/.test(name))
  assert.deepEqual(leaked, [])
  const entries = (env['PATH'] ?? '').split(path.delimiter)
  assert.deepEqual(
    entries.filter((entry) => entry.includes('node_modules')),
    [],
  )
  assert.ok(!(env['FORCE_COLOR'] !== undefined && env['NO_COLOR'] !== undefined))
})
