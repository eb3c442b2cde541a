import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fixtures, root, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { slowness } from '../support/pace.ts'
import { eventually } from '../support/wait.ts'

const compilers = ['/usr/bin/cc', '/usr/local/bin/cc', '/usr/bin/gcc']
const compiler = compilers.find((file) => existsSync(file))
const tally = 'starts.txt'

if (compiler) {
  test('what cc writes into apps/ answers within 1 s of the end of the compiler, without one failed spawn', async (t) => {
    await using gateway = await startGateway({ apps: { 'other.cjs': 'hello.cjs' } })
    await gateway.events.ready('other')
    const source = path.join(root, 'examples/c/hello.c')
    const compiled = await run(compiler, ['-o', path.join(gateway.folder.apps, 'hi'), source])
    assert.equal(compiled.code, 0, compiled.stderr)
    const began = performance.now()
    await eventually(async () => (await ask(gateway, '/hi/')).status === 200, { what: '/hi/ to answer 200' })
    const took = performance.now() - began
    t.diagnostic(`200 after ${took.toFixed(0)} ms`)
    assert.ok(took < 1_000 * (await slowness()), `took ${took.toFixed(0)} ms`)
    const failed = gateway.events.seen.filter(({ name, state }) => name === 'hi' && state === 'fell')
    assert.deepEqual(failed, [])
    assert.equal((await gateway.app('hi')).instances.length, 1)
  })
} else {
  test('there is no C compiler on this machine', (t) => t.diagnostic(`looked at ${compilers.join(', ')}`))
}

test('a 100 MB executable that is copied slowly is started exactly once', async (t) => {
  await using gateway = await startGateway({ apps: { 'other.cjs': 'hello.cjs' } })
  const program = (await fs.readFile(path.join(fixtures, 'hello.cjs'), 'utf8')).replaceAll(
    '@tally@',
    gateway.folder.path(tally),
  )
  // A script that is complete after its first kilobyte, and runs: whoever starts it too early is seen in the tally.
  const bytes = Buffer.concat([Buffer.from(`${program}\n/*`), Buffer.alloc(100_000_000, 'x'), Buffer.from('*/\n')])
  const target = path.join(gateway.folder.apps, 'big.cjs')
  const file = await fs.open(target, 'w', 0o755)
  const step = 5_000_000
  for (let at = 0; at < bytes.length; at += step) {
    await file.write(bytes, at, Math.min(step, bytes.length - at), at)
    // Somewhere in the middle the copy stalls for longer than a file needs to look settled.
    await pause(at === 10 * step ? 1_500 : 30)
  }
  await file.close()
  const closed = performance.now()
  await gateway.events.ready('big')
  t.diagnostic(`ready ${(performance.now() - closed).toFixed(0)} ms after the copy was complete`)
  assert.equal((await ask(gateway, '/big/')).status, 200)
  assert.equal((await gateway.folder.lines(tally)).length, 1)
  assert.deepEqual(
    gateway.events.seen.filter(({ name, state }) => name === 'big' && (state === 'fell' || state === 'refused')),
    [],
  )
})

test('files that are no apps are left alone', async () => {
  await using gateway = await startGateway({
    apps: Object.fromEntries(
      ['.hidden', 'a~', 'b.swp', 'c.part', 'd.tmp', 'e.crdownload', 'README.md'].map((name) => [name, 'hello.cjs']),
    ),
  })
  await gateway.folder.put('real.cjs', 'hello.cjs')
  await gateway.events.ready('real')
  assert.deepEqual(
    (await gateway.status()).apps.map(({ name }) => name),
    ['real'],
  )
})

test('a folder is an app too: by run, by its own name, by a Procfile, by package.json, by app.json', async () => {
  const program = await fs.readFile(path.join(fixtures, 'echo.cjs'), 'utf8')
  const plain = { text: program, mode: 0o644 }
  await using gateway = await startGateway({
    apps: {
      'by-run/run': 'echo.cjs',
      'by-name/by-name': 'echo.cjs',
      'by-procfile/Procfile': { text: 'web: node server.cjs {port}\n', mode: 0o644 },
      'by-procfile/server.cjs': plain,
      'by-package/package.json': { text: '{"scripts":{"start":"node server.cjs"}}', mode: 0o644 },
      'by-package/server.cjs': plain,
      'by-json/app.json': { text: '{"command":["node","server.cjs","{port}"],"env":{"FROM":"json"}}', mode: 0o644 },
      'by-json/server.cjs': plain,
    },
  })
  for (const name of ['by-run', 'by-name', 'by-procfile', 'by-package', 'by-json']) {
    await gateway.events.ready(name)
    const { cwd } = (await ask(gateway, `/${name}/env`)).json() as { cwd: string }
    assert.equal(cwd, path.join(gateway.folder.apps, name))
  }
  const json = (await ask(gateway, '/by-json/env')).json() as { env: Record<string, string>; argv: string[] }
  assert.equal(json.env['FROM'], 'json')
  assert.deepEqual(json.argv, [json.env['PORT']])
})

test('a script finds the files beside it, as if it ran where it lies', async () => {
  await using gateway = await startGateway()
  await gateway.folder.put('lib/.keep', { text: '', mode: 0o644 })
  await fs.writeFile(path.join(gateway.folder.apps, 'lib', 'greeting.cjs'), "module.exports = 'from beside'\n")
  await gateway.folder.put('importer.cjs', {
    text: [
      '#!/usr/bin/env node',
      "const greeting = require('./lib/greeting.cjs')",
      "require('node:http').createServer((_, response) => response.end(greeting))",
      '  .listen(Number(process.env.PORT), process.env.HOST)',
    ].join('\n'),
  })
  await gateway.events.ready('importer')
  assert.equal((await ask(gateway, '/importer/')).body, 'from beside')
})
