import assert from 'node:assert/strict'
import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { defaultTimeouts } from '../../src/config/complete.ts'
import { loadConfig, type Loaded, type LoadOptions } from '../../src/config/load.ts'
import { formatProblems, type Problem } from '../../src/config/problem.ts'

let root = ''
let cwd = ''
let count = 0

before(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'quaymaster-config-')))
})
beforeEach(async () => {
  cwd = join(root, String(++count))
  await mkdir(cwd)
})
after(() => rm(root, { recursive: true, force: true }))

const write = (name: string, text: string): Promise<void> => writeFile(join(cwd, name), text)
const load = (options: Partial<LoadOptions> = {}): Promise<Loaded> => loadConfig({ cwd, ...options })

async function problemsOf(text: string, name = 'gateway.config.ts'): Promise<readonly Problem[]> {
  await write(name, text)
  const loaded = await load()
  assert.ok(!loaded.ok, 'the configuration should be refused')
  return loaded.problems
}

async function configOf(options: Partial<LoadOptions> = {}): Promise<Extract<Loaded, { ok: true }>> {
  const loaded = await load(options)
  assert.ok(loaded.ok, loaded.ok ? '' : formatProblems(loaded.problems, cwd))
  return loaded
}

describe('finding the configuration', () => {
  it('works without any', async () => {
    const { config, watch, warnings } = await configOf()
    assert.equal(config.file, null)
    assert.equal(config.root, cwd)
    assert.equal(config.appsDir, join(cwd, 'apps'))
    assert.equal(config.stateDir, join(cwd, '.quaymaster'))
    assert.deepEqual(config.listen, { host: 'localhost', port: 8080, timeouts: defaultTimeouts, trustedProxies: [] })
    assert.deepEqual(config.admin, { host: '127.0.0.1', port: 8081 })
    assert.deepEqual(config.auth, { tokens: [] })
    assert.ok(config.starts.parallel >= 4)
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.listen))
    assert.deepEqual(warnings, [])
    assert.ok(watch.includes(join(cwd, 'gateway.config.ts')), 'so that the first one is noticed')
  })

  for (const extension of ['ts', 'mts', 'js', 'mjs']) {
    it(`reads .${extension}, whatever the package.json says about types`, async () => {
      await write('package.json', '{ "type": "commonjs" }')
      await write(
        `gateway.config.${extension}`,
        `import { defineConfig } from 'quaymaster'\nexport default defineConfig({ listen: { port: 1234 } })`,
      )
      const { config, watch } = await configOf()
      assert.equal(config.listen.port, 1234)
      assert.equal(config.file, join(cwd, `gateway.config.${extension}`))
      assert.equal(watch[0], config.file)
    })
  }

  it('reads JSON, and CommonJS', async () => {
    await write('gateway.config.json', '{ "$schema": "x", "listen": { "port": 1234 } }')
    assert.equal((await configOf()).config.listen.port, 1234)
    await write('gateway.config.js', 'module.exports = { listen: { port: 1235 } }')
    assert.equal((await configOf()).config.listen.port, 1235)
  })

  it('prefers the first of several and says so', async () => {
    await write('gateway.config.json', '{}')
    await write('gateway.config.ts', 'export default {}')
    const { config, warnings } = await configOf()
    assert.equal(config.file, join(cwd, 'gateway.config.ts'))
    assert.deepEqual(warnings, ['gateway.config.json is ignored, because gateway.config.ts is there too.'])
  })

  it('takes a named file, whose folder is then what paths are relative to', async () => {
    await mkdir(join(cwd, 'conf'))
    await write('conf/my.yaml', 'a: 1')
    await write('conf/my.json', '{ "appsDir": "services", "apps": { "a": { "cwd": "w", "command": "./bin/a x" } } }')
    const { config } = await configOf({ file: 'conf/my.json' })
    assert.equal(config.appsDir, join(cwd, 'conf/services'))
    assert.equal(config.apps['a']?.cwd, join(cwd, 'conf/w'))
    assert.deepEqual(config.apps['a']?.command, [join(cwd, 'conf/bin/a'), 'x'])
    for (const [file, message] of [
      ['no.ts', 'It does not exist'],
      ['no.such', 'It does not exist'],
      ['conf/my.yaml', 'its name must end with'],
    ] as const) {
      const loaded = await load({ file })
      assert.ok(!loaded.ok && formatProblems(loaded.problems, cwd).includes(message))
      assert.deepEqual(loaded.watch, [join(cwd, file)])
    }
  })
})

describe('what is wrong in a configuration', () => {
  it('is told all at once, each with its line', async () => {
    const problems = await problemsOf(`import { defineConfig } from 'quaymaster'

export default defineConfig({
  listen: { port: 80800 },
  apps: {
    hello: {
      instanses: 2,
      health: {
        interval: '2 parsecs',
      },
    },
  },
})
`)
    assert.deepEqual(
      problems.map(({ file, line, path, received, suggestion }) => ({ file, line, path, received, suggestion })),
      [
        { file: join(cwd, 'gateway.config.ts'), line: 4, path: 'listen.port', received: '80800', suggestion: null },
        {
          file: join(cwd, 'gateway.config.ts'),
          line: 7,
          path: 'apps.hello.instanses',
          received: null,
          suggestion: 'instances',
        },
        {
          file: join(cwd, 'gateway.config.ts'),
          line: 9,
          path: 'apps.hello.health.interval',
          received: '"2 parsecs"',
          suggestion: null,
        },
      ],
    )
    const shown = formatProblems(problems, cwd).split('\n')
    assert.equal(shown.length, 3)
    assert.equal(shown[0], 'gateway.config.ts:4  listen.port must be a whole number from 0 to 65535, received 80800.')
    assert.match(
      shown[1] ?? '',
      /^gateway\.config\.ts:7 {2}apps\.hello\.instanses is not a known setting\. Did you mean instances\? Allowed: path, /,
    )
    assert.match(
      shown[2] ?? '',
      /:9 {2}apps\.hello\.health\.interval must be a duration but has the unknown unit 'parsecs', .*received "2 parsecs"\. Allowed: a number of milliseconds, or/,
    )
  })

  it('never contains a secret', async () => {
    const problems = await problemsOf(`export default {
      auth: { tokens: [{ name: 'ci', sha256: 'hunter2', token: 'hunter2' }] },
      apps: { a: { env: { PASSWORD: ['hunter2'], 'B=': 'hunter2' }, target: 'ftp://me:hunter2@host/' } },
      defaults: { env: 'hunter2' },
    }`)
    assert.equal(problems.length, 6)
    assert.doesNotMatch(JSON.stringify(problems) + formatProblems(problems, cwd), /hunter2/)
  })

  it('is suggested where it belongs', async () => {
    const problems = await problemsOf(`export default {
      port: 80,
      log: { acess: 'al' , level: 'warning' },
      defaults: { path: '/x' },
      apps: { a: { grace: '1s', auth: 'tokens' } },
    }`)
    assert.deepEqual(Object.fromEntries(problems.map(({ path, suggestion }) => [path, suggestion])), {
      'apps.a.auth': "'token'",
      'apps.a.grace': 'stop.grace',
      'defaults.path': 'apps.<name>.path',
      'log.acess': 'access',
      'log.level': "'warn'",
      port: 'listen.port',
    })
  })

  it('may be between fields', async () => {
    const problems = await problemsOf(`export default {
  listen: { port: 8081 },
  auth: { tokens: [
    { name: 'a', sha256: '${'0'.repeat(64)}' },
    { name: 'a', sha256: '${'0'.repeat(64)}', apps: ['Hello'] },
  ] },
  apps: {
    Hello: {},
    api: { path: '/docs/' },
    docs: {},
    web: { host: 'API.localhost' },
    up: { target: 'http://x', command: 'x', restart: { min: '1m' }, limits: { age: '1h' }, replay: { key: true }, timeouts: { total: 1 }, stop: { streams: '20s' } },
    deep: { path: '/-/x' },
  },
}`)
    const shown = problems.map(({ line, path, message }) => `${line} ${path} ${message}`)
    assert.deepEqual(shown, [
      '2 listen.port is the port of admin too; they are two listeners: change it or admin.port, or take 0 for a free port',
      '5 auth.tokens[1].name is the name of another token too',
      '5 auth.tokens[1].sha256 is the digest of another token too, so whose it is cannot be told',
      '5 auth.tokens[1].apps[0] is not a possible name of an app',
      '8 apps.Hello is not a possible name of an app',
      '9 apps.api.path is "/docs", which already leads to the app docs',
      '11 apps.web.host is "api.localhost", which already leads to the app api',
      '12 apps.up.target cannot be set together with command: an app is either run or only relayed to',
      '12 apps.up.limits is not for an app with target: it is relayed to, not run',
      '12 apps.up.replay is not for an app with target: it is relayed to, not run',
      '12 apps.up.stop.streams makes streams end (within 20000ms) after the drain is over (10000ms)',
      '12 apps.up.restart.min makes the first delay (60000ms) longer than the longest (30000ms)',
      '13 apps.deep.path is reserved: /-/ belongs to the gateway',
    ])
  })

  it('is refused value by value', async () => {
    const wrong: readonly (readonly [string, string])[] = [
      ['path', "'hello'"],
      ['path', "'/a//b'"],
      ['path', "'/a/../b'"],
      ['path', "'/a%2fb'"],
      ['path', "'/a?b'"],
      ['host', "'http://x.test'"],
      ['host', "'x.test:80'"],
      ['host', "['*.x.test']"],
      ['instances', '0'],
      ['instances', "'2'"],
      ['strip', "'yes'"],
      ['command', "'a | b'"],
      ['command', '[]'],
      ['args', "'x'"],
      ['args', '[1]'],
      ['cwd', "'~/x'"],
      ['env', '[]'],
      ['envFile', '3'],
      ['uid', "'root'"],
      ['umask', "'099'"],
      ['umask', '512'],
      ['health', '{ status: 42 }'],
      ['health', "{ status: '399-200' }"],
      ['health', "{ path: 'healthz' }"],
      ['health', '{ misses: 0 }'],
      ['health', "{ interval: '1ms' }"],
      ['stop', "{ grace: '-1s' }"],
      ['hold', '{ max: 1.5 }'],
      ['timeouts', '{ connect: 0 }'],
      ['target', "'file:///x'"],
      ['health', 'null'],
    ]
    for (const [key, value] of wrong) {
      const problems = await problemsOf(`export default {\n apps: { a: {\n ${key}: ${value} } } }`)
      assert.equal(problems.length, 1, `${key}: ${value} gives ${JSON.stringify(problems)}`)
      assert.equal(problems[0]?.line, 3)
      assert.ok(problems[0]?.path.startsWith(`apps.a.${key}`))
    }
  })

  it('is told of the command line too, without a line', async () => {
    await write('gateway.config.json', '{ "listen": { "port": 1 }, "workers": 2 }')
    const loaded = await load({ overrides: { port: 99_999, apps: '', state: 's', workers: 'auto' } })
    assert.ok(!loaded.ok)
    assert.deepEqual(Object.fromEntries(loaded.problems.map(({ file, line, path }) => [path, { file, line }])), {
      '--apps': { file: null, line: null },
      '--port': { file: null, line: null },
    })
    const { config } = await configOf({
      overrides: { port: 0, adminPort: 0, host: '::1', apps: 'a', state: 's', workers: 3 },
    })
    assert.deepEqual([config.listen.host, config.listen.port, config.admin.port, config.workers], ['::1', 0, 0, 3])
    assert.deepEqual([config.appsDir, config.stateDir], [join(cwd, 'a'), join(cwd, 's')])
  })
})

describe('a file that cannot be loaded', () => {
  const cases: readonly (readonly [what: string, text: string, line: number | null, message: RegExp])[] = [
    [
      'a syntax error in TypeScript',
      'export default {\n  a: 1,\n  b: = 2,\n}',
      3,
      /cannot be loaded: Expression expected/,
    ],
    [
      'a name declared twice',
      'const a: number = 1\n\nconst a = 2\nexport default {}',
      3,
      /'a' has already been declared/,
    ],
    ['syntax that cannot be stripped', '\nenum A { b }\nexport default {}', 2, /enum is not supported/],
    ['a missing default export', 'export const config = {}', null, /has no default export, only config: write export/],
    ['an error that is thrown', '\nfunction f() {\n  throw new Error("boo")\n}\nf()', 3, /throws an error: boo/],
    ['a value that is thrown', 'throw 3', null, /throws 3/],
    ['a missing file', '\nimport a from "./nope.ts"', 2, /imports '.\/nope.ts', which does not exist$/],
    ['a missing extension', '\nimport a from "./other"', 2, /which does not exist; did you mean '.\/other.ts'\?/],
    [
      'a missing package',
      '\n\nimport a from "nope-nope"',
      3,
      /imports the package 'nope-nope', which is not installed/,
    ],
    ['a missing export', '\nimport { b } from "./other.ts"', 2, /'.\/other.ts' does not provide an export named 'b'/],
    ['an endless wait', 'await new Promise(() => {})\nexport default {}', null, /it takes longer than 300ms/],
    [
      'a function',
      'export default () => ({})',
      null,
      /must give an object with the configuration, but gives a function/,
    ],
  ]
  for (const [what, text, line, message] of cases) {
    it(`because of ${what} gives one sentence`, async () => {
      await write('other.ts', 'export default 1')
      await write('gateway.config.ts', text)
      const loaded = await load({ deadline: 300 })
      assert.ok(!loaded.ok)
      assert.equal(loaded.problems.length, 1)
      const [problem] = loaded.problems
      assert.match(problem?.message ?? '', message)
      assert.equal(problem?.line, line)
      const shown = formatProblems(loaded.problems, cwd)
      assert.doesNotMatch(shown, /\n|quaymaster=|node:internal/)
      assert.ok(shown.startsWith(line === null ? 'gateway.config.ts  It ' : `gateway.config.ts:${line}  It `), shown)
    })
  }

  it('names the file the mistake is in, and watches what is missing', async () => {
    await write('gateway.config.mjs', 'import a from "./a.mjs"\nexport default a')
    await write('a.mjs', 'import "./missing.json"\nexport default {}')
    const missing = await load()
    assert.ok(!missing.ok)
    assert.equal(missing.problems[0]?.file, join(cwd, 'a.mjs'))
    assert.ok(missing.watch.includes(join(cwd, 'missing.json')))
    await write('a.mjs', '\n\nexport default { a: = 1 }')
    const broken = await load()
    assert.ok(!broken.ok)
    assert.deepEqual([broken.problems[0]?.file, broken.problems[0]?.line], [join(cwd, 'a.mjs'), 3])
    assert.ok(broken.watch.includes(join(cwd, 'a.mjs')))
  })

  it('may be JSON', async () => {
    const [problem] = await problemsOf('{\n  "listen": {\n    "port": 1,\n  }\n}', 'gateway.config.json')
    assert.deepEqual([problem?.line, problem?.path], [4, ''])
    assert.match(problem?.message ?? '', /is not JSON: it .*a comma too many/)
  })

  it('is found in folders with blanks and signs in their names', async () => {
    cwd = join(cwd, 'my folder #1 (ü)?')
    await mkdir(cwd)
    const [thrown] = await problemsOf('\nthrow new Error("boo")')
    assert.deepEqual([thrown?.line, thrown?.message], [2, 'throws an error: boo'])
    await rename(join(cwd, 'gateway.config.ts'), join(cwd, 'unused.ts'))
    const [required] = await problemsOf('\n\nmodule.exports = nope', 'gateway.config.js')
    assert.deepEqual([required?.line, required?.message], [3, 'throws an error: nope is not defined'])
  })
})

describe('a reload', () => {
  it('sees a changed import, and an import of an import', async () => {
    await write('gateway.config.ts', `import port from './port.ts'\nexport default { listen: { port } }`)
    await write('port.ts', `import n from './n.json' with { type: 'json' }\nexport default n as number`)
    await write('n.json', '1001')
    const first = await configOf()
    assert.equal(first.config.listen.port, 1001)
    for (const name of ['gateway.config.ts', 'port.ts', 'n.json']) assert.ok(first.watch.includes(join(cwd, name)))
    await write('n.json', '1002')
    assert.equal((await configOf()).config.listen.port, 1002)
    await write('port.ts', 'export default 1003')
    const third = await configOf()
    assert.equal(third.config.listen.port, 1003)
    assert.ok(!third.watch.includes(join(cwd, 'n.json')))
  })

  it('sees a changed require', async () => {
    await write('gateway.config.js', `module.exports = { listen: { port: require('./port.cjs') } }`)
    await write('port.cjs', 'module.exports = 1001')
    const { config, watch } = await configOf()
    assert.equal(config.listen.port, 1001)
    assert.ok(watch.includes(join(cwd, 'port.cjs')))
    await write('port.cjs', 'module.exports = 1002')
    assert.equal((await configOf()).config.listen.port, 1002)
  })

  it('recovers from a broken edit', async () => {
    await write('gateway.config.ts', 'export default { listen: { port: 1001 } }')
    await configOf()
    assert.equal((await problemsOf('export default {')).length, 1)
    await write('gateway.config.ts', 'export default { listen: { port: 1002 } }')
    assert.equal((await configOf()).config.listen.port, 1002)
  })

  it('does not mix two loads that run at once', async () => {
    await write('gateway.config.ts', `import port from './port.ts'\nawait 0\nexport default { listen: { port } }`)
    await write('port.ts', 'export default 1001')
    const loads = await Promise.all([configOf(), configOf(), configOf()])
    for (const { config, watch } of loads) {
      assert.equal(config.listen.port, 1001)
      assert.ok(watch.includes(join(cwd, 'port.ts')))
    }
  })
})

describe('warnings', () => {
  it('name a probable slip in the apps of a token, and an env file that is not there', async () => {
    await write(
      'gateway.config.json',
      JSON.stringify({
        auth: { tokens: [{ name: 'ci', sha256: 'A'.repeat(64), apps: ['helo', 'dropped-in'] }] },
        apps: { hello: { envFile: 'hello.env' } },
      }),
    )
    const { config, warnings } = await configOf()
    assert.equal(config.auth.tokens[0]?.sha256, 'a'.repeat(64))
    assert.deepEqual(warnings, [
      'The token ci is for the app helo, which the configuration does not name. Did you mean hello?',
      `The env file ${join(cwd, 'hello.env')} of hello does not exist; apps start without it.`,
    ])
  })
})
