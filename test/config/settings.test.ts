import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { completeConfig, type Config } from '../../src/config/complete.ts'
import type { UserConfig } from '../../src/config/config.ts'
import { parseManifest } from '../../src/config/manifest.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { settingsFor } from '../../src/config/settings.ts'

const configOf = (config: UserConfig): Config => completeConfig(fileSchema.parse(config), null, '/root')

describe('settingsFor', () => {
  it('is complete for an app nobody has said anything about', () => {
    assert.deepEqual(settingsFor(configOf({}), 'hello'), {
      name: 'hello',
      route: {
        path: '/hello',
        hosts: ['hello.localhost'],
        strip: true,
        auth: 'token',
        hold: { for: 30_000, max: 1_000 },
        timeouts: { connect: 5_000, response: 0, idle: 0, total: 0 },
        connections: { max: 4_096, queue: 1_024, idle: null },
        replay: { idempotent: false, key: false, body: 65_536 },
      },
      instances: 1,
      command: null,
      args: [],
      listen: 'port',
      cwd: null,
      env: {},
      envFiles: ['/root/apps/hello.env'],
      uid: null,
      gid: null,
      umask: null,
      health: {
        path: null,
        status: [[200, 399]],
        interval: 2_000,
        timeout: 2_000,
        misses: 3,
        stall: 30_000,
        boot: 30_000,
      },
      stop: { drain: 10_000, streams: 1_000, grace: 10_000 },
      restart: { min: 100, max: 30_000, forgive: 1_000 },
      limits: { memory: 0, age: 0 },
      rollout: { soak: 2_000, share: 1 },
      poison: { strikes: 2, for: 600_000 },
      versions: { keep: 5 },
      target: null,
    })
  })

  it('lets an app.json overrule the defaults, and the configuration both', () => {
    const config = configOf({
      defaults: { instances: 2, env: { A: 1, B: 1, C: 1 }, stop: { drain: '1s', grace: '1s' }, auth: 'none' },
      apps: { hello: { env: { C: 3, D: true }, stop: { grace: '3s' }, auth: undefined, args: ['three'] } },
    })
    const settings = settingsFor(
      config,
      'hello',
      { env: { B: 2, C: 2 }, stop: { drain: '2s', grace: '2s' }, args: ['one', 'two'], instances: 3 },
      '/root/apps/hello',
    )
    assert.deepEqual(settings.env, { A: '1', B: '2', C: '3', D: 'true' })
    assert.deepEqual(settings.stop, { drain: 2_000, streams: 1_000, grace: 3_000 })
    assert.deepEqual([settings.args, settings.instances, settings.route.auth], [['three'], 3, 'none'])
  })

  it('reads every form of a value', () => {
    const { route, ...settings } = settingsFor(
      configOf({
        apps: {
          web: {
            path: '/api/web/',
            host: ['Web.Example.test', 'web.localhost'],
            command: `node 'my server.js' --port={port}`,
            umask: '027',
            health: { status: ['2xx', 301, '400-404'], path: '/healthz?full' },
            hold: { for: 0 },
          },
        },
      }),
      'web',
    )
    assert.deepEqual([route.path, route.hosts], ['/api/web', ['web.localhost', 'web.example.test']])
    assert.deepEqual(settings.command, ['node', 'my server.js', '--port={port}'])
    assert.equal(settings.umask, 0o027)
    const status = [
      [200, 299],
      [301, 301],
      [400, 404],
    ]
    assert.deepEqual([settings.health.status, settings.health.path], [status, '/healthz?full'])
    assert.deepEqual(route.hold, { for: 0, max: 1_000 })
  })

  it('resolves paths against the file that says them', () => {
    const config = configOf({ defaults: { envFile: 'all.env' }, apps: { b: { cwd: 'w', command: ['./run', './x'] } } })
    const a = settingsFor(config, 'a', { cwd: '.', command: 'bin/a', envFile: ['.env', '/etc/a.env'] }, '/elsewhere/a')
    assert.deepEqual(
      [a.cwd, a.command, a.envFiles],
      ['/elsewhere/a', ['/elsewhere/a/bin/a'], ['/elsewhere/a/.env', '/etc/a.env']],
    )
    const b = settingsFor(config, 'b')
    assert.deepEqual([b.cwd, b.command, b.envFiles], ['/root/w', ['/root/run', './x'], ['/root/all.env']])
  })

  it('looks for env files beside a file, and in and beside a folder', () => {
    assert.deepEqual(settingsFor(configOf({ appsDir: 'srv' }), 'a', undefined, '/root/srv/a').envFiles, [
      '/root/srv/a/.env',
      '/root/srv/a.env',
    ])
  })

  it('takes names that are also properties of every object', () => {
    assert.equal(settingsFor(configOf({}), 'constructor').route.path, '/constructor')
  })

  it('is plain frozen data that may cross a thread boundary', () => {
    const config = configOf({ apps: { a: { health: { status: 200 } }, docs: { target: 'https://docs.example.com' } } })
    const settings = settingsFor(config, 'docs')
    assert.deepEqual([settings.target, settings.envFiles], ['https://docs.example.com/', []])
    assert.ok(Object.isFrozen(settings.route.hold))
    assert.deepEqual(structuredClone(settings), settings)
    structuredClone(config)
  })
})

describe('parseManifest', () => {
  it('gives back what settingsFor takes', () => {
    const parsed = parseManifest('{ "$schema": "x", "command": "node a.js", "instances": 2 }', '/a/app.json')
    assert.ok(parsed.ok)
    assert.equal(settingsFor(configOf({}), 'a', parsed.manifest, '/a').instances, 2)
  })

  it('tells all problems with their lines', () => {
    const parsed = parseManifest(
      '{\n  "comand": "x",\n  "stop": {\n    "grace": "1"\n  },\n  "target": 5\n}',
      '/a/app.json',
    )
    assert.ok(!parsed.ok)
    assert.deepEqual(
      parsed.problems.map(({ line, path, suggestion }) => [line, path, suggestion]),
      [
        [2, 'comand', 'command'],
        [4, 'stop.grace', null],
        [6, 'target', null],
      ],
    )
  })

  it('refuses a target, what is not an object, and what is not JSON', () => {
    for (const [text, message] of [
      ['{ "target": "https://x.test" }', /belongs into gateway.config/],
      ['[]', /must be an object/],
      ['{ "poison": true }', /must be false or an object/],
      ['{', /is not JSON: it ends too early/],
    ] as const) {
      const parsed = parseManifest(text, '/a/app.json')
      assert.ok(!parsed.ok)
      assert.match(parsed.problems[0]?.message ?? '', message)
    }
  })
})

it('reads what a client may take its time for, and what an instance may have of connections', () => {
  const { listen } = configOf({ listen: { timeouts: { head: '5s', bodyRate: '1kb', tunnel: '1h', stall: undefined } } })
  assert.deepEqual(listen.timeouts, {
    head: 5_000,
    body: 30_000,
    bodyRate: 1_024,
    keepAlive: 30_000,
    stall: 120_000,
    tunnel: 3_600_000,
  })
  const config = configOf({
    defaults: { connections: { max: 100, queue: 10 } },
    apps: { hello: { connections: { max: 8, idle: '1m' } } },
  })
  assert.deepEqual(settingsFor(config, 'hello').route.connections, { max: 8, queue: 10, idle: 60_000 })
  const socket = configOf({
    apps: { a: { listen: 'socket' }, b: { command: 'serve {socket}' }, c: { args: ['{port}'] } },
  })
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => settingsFor(socket, name).listen),
    ['socket', 'socket', 'port'],
  )
  for (const listen of [{ timeouts: { head: 0 } }, { timeouts: { bodyRate: '5' } }, { timeouts: { idle: 1 } }])
    assert.throws(() => configOf({ listen }))
  for (const connections of [{ max: 0 }, { queue: -1 }, { idle: 'soon' }])
    assert.throws(() => configOf({ defaults: { connections } }))
})

it('takes addresses and networks of proxies, and nothing else for them', () => {
  const trustedProxies = ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0/0', '::ffff:10.0.0.0/104']
  assert.deepEqual(configOf({ listen: { trustedProxies } }).listen.trustedProxies, trustedProxies)
  for (const bad of [
    'localhost',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    '10.0.0.1/',
    '10.0.0.1/8/8',
    '',
    'fe80::1%eth0',
    '10.0.0.0/-1',
  ])
    assert.throws(() => configOf({ listen: { trustedProxies: [bad] } }), bad)
})
