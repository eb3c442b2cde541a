import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { childEnvironment, readEnvFiles } from '../../src/supervisor/environment.ts'

const given = {
  place: '23456',
  app: 'hello',
  run: 7,
  marker: 'abcdef',
  publicUrl: 'http://h/hello',
  basePath: '/hello',
}
const told = {
  PORT: '23456',
  HOST: '127.0.0.1',
  QUAYMASTER_APP: 'hello',
  QUAYMASTER_RUN: '7',
  QUAYMASTER_INSTANCE: 'abcdef',
  PUBLIC_URL: 'http://h/hello',
  BASE_PATH: '/hello',
}

test('a child gets what it needs, and nothing that npm, Node or systemd said to the gateway', () => {
  const own = {
    HOME: '/home/me',
    PATH: '/project/node_modules/.bin:/node_modules/.bin:/x/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin:/usr/bin:/home/me/node_modules_old/bin',
    npm_config_cache: '/c',
    npm_lifecycle_event: 'start',
    NODE: '/project/node_modules/.bin/node',
    INIT_CWD: '/work',
    COLOR: '1',
    NODE_CHANNEL_FD: '3',
    NOTIFY_SOCKET: '/run/n',
    LISTEN_FDS: '1',
    QUAYMASTER_TOKEN: 'secret',
    QUAYMASTER_INSTANCE: 'outer',
    PORT: '8080',
    EMPTY: undefined,
  }
  const { env, overruled } = childEnvironment(own, given, {}, {})
  assert.deepEqual(env, { HOME: '/home/me', PATH: '/usr/bin:/home/me/node_modules_old/bin', ...told })
  assert.deepEqual(overruled, [])
})

test('an app on a Unix socket has no HOST but one that is meant for it', () => {
  const place = '/run/hello.sock'
  const { HOST } = childEnvironment({ HOST: 'laptop' }, { ...given, place }, {}, {}).env
  const meant = childEnvironment({ HOST: 'laptop' }, { ...given, place }, {}, { HOST: 'mine' }).env.HOST
  assert.deepEqual([HOST, meant], [undefined, 'mine'])
})

test("NODE_OPTIONS and COLOR are the user's unless npm set them", () => {
  const options = '--enable-source-maps'
  const kept = childEnvironment({ NODE_OPTIONS: options, COLOR: '1' }, given, {}, {}).env
  assert.deepEqual([kept.NODE_OPTIONS, kept.COLOR], [options, '1'])
  const npm = { NODE_OPTIONS: options, npm_config_node_options: options, COLOR: '1' }
  const dropped = childEnvironment(npm, given, {}, {}).env
  assert.deepEqual([dropped.NODE_OPTIONS, dropped.COLOR], [undefined, undefined])
})

test('settings win over env files, those over ours, and what is told to the child over env files', () => {
  const files = { A: 'file', B: 'file', PORT: '3000', HOST: '0.0.0.0', QUAYMASTER_INSTANCE: 'forged' }
  const settings = { B: 'settings', PUBLIC_URL: 'https://example.com/hello', PORT: '3001' }
  const { env, overruled } = childEnvironment({ A: 'own', B: 'own', C: 'own' }, given, files, settings)
  assert.deepEqual(env, { A: 'file', B: 'settings', C: 'own', ...told, PUBLIC_URL: 'https://example.com/hello' })
  assert.deepEqual(overruled, ['PORT', 'HOST', 'QUAYMASTER_INSTANCE'])
})

test('FORCE_COLOR and NO_COLOR are never given together: the app decides, else NO_COLOR', () => {
  const colours = (own: object, files: object): unknown[] => {
    const { env, overruled } = childEnvironment({ ...own }, given, { ...files }, {})
    assert.deepEqual(overruled, [])
    return [env.FORCE_COLOR, env.NO_COLOR]
  }
  assert.deepEqual(colours({ FORCE_COLOR: '1', NO_COLOR: '1' }, {}), [undefined, '1'])
  assert.deepEqual(colours({ NO_COLOR: '1' }, { FORCE_COLOR: '1' }), ['1', undefined])
  assert.deepEqual(colours({ FORCE_COLOR: '1' }, { NO_COLOR: '1' }), [undefined, '1'])
  assert.deepEqual(colours({ FORCE_COLOR: '3' }, {}), ['3', undefined])
})

test('env files are read in order, a missing one is nothing, an unreadable one is a sentence', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'quaymaster-env-'))
  try {
    const [first, second, missing] = [join(dir, 'a'), join(dir, 'b'), join(dir, 'c')]
    await writeFile(first, '# comment\nA=1\nB="two words"\nexport C=3\n')
    await writeFile(second, "A='later'\n")
    const { variables, faults } = await readEnvFiles([first, missing, second])
    assert.deepEqual([{ ...variables }, faults], [{ A: 'later', B: 'two words', C: '3' }, []])
    await writeFile(second, `S3CRET LINE\nA=1\n${'=s3cret\n'.repeat(12)}`)
    const [fault = '', ...others] = (await readEnvFiles([second])).faults
    assert.deepEqual(others, [])
    assert.match(fault, /^The env file .*b is not all NAME=value: line 1 has no =, line 3 has .* and 3 more\.$/)
    assert.doesNotMatch(fault, /s3cret/i)
    await assert.rejects(readEnvFiles([first, dir]), { message: `cannot read the env file ${dir}: not a regular file` })
    await assert.rejects(readEnvFiles([join(first, 'x')]), /cannot read the env file .*ENOTDIR/)
    await writeFile(first, `A=${'x'.repeat(1024 * 1024)}\n`)
    await assert.rejects(readEnvFiles([first]), /more than the 1048576 an env file may have/)
  } finally {
    await rm(dir, { recursive: true })
  }
})
