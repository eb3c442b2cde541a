import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openBench, settingsOf, shellScript, type Bench } from './intake-bench.ts'

test('a declared command, a remote host and a name without a file are told at once', async () => {
  await using bench = await openBench({
    apps: {
      tool: { command: ['node', 'server.js', '--port={port}'], args: ['-v'] },
      docs: { target: 'https://docs.example.com' },
      ghost: {},
      lost: { command: ['no-such-command-anywhere'] },
    },
  })
  const { launch } = await bench.offered('tool')
  assert.equal(launch.file, 'node')
  assert.deepEqual(launch.args, ['server.js', '--port={port}', '-v'])
  assert.equal(launch.cwd, bench.appsDir)
  assert.equal(launch.source, 'node server.js --port={port}')
  const remote = await bench.until((it) => it.type === 'remote' && it.app === 'docs')
  assert.ok(remote.type === 'remote' && remote.url === 'https://docs.example.com')
  assert.equal(await bench.refused('ghost'), `no executable called ghost in ${bench.appsDir}`)
  assert.equal(await bench.refused('lost'), 'needs no-such-command-anywhere, which is not on PATH')
})

test('a file mends a declared name, and its going is told before the refusal', async () => {
  await using bench = await openBench({ apps: { ghost: { instances: 2 } } })
  await bench.refused('ghost')
  const file = await bench.drop('ghost', shellScript)
  assert.equal((await bench.offered('ghost')).settings.instances, 2)
  const mark = bench.mark()
  await rm(file)
  await bench.refused('ghost', mark)
  assert.deepEqual(
    bench.events.slice(mark).map((it) => it.type),
    ['vanished', 'refused'],
  )
})

test('configure: what shapes the process is a new offer, anything else is settings, nothing is nothing', async () => {
  await using bench = await openBench({ apps: { one: {} } })
  for (const app of ['one', 'two', 'three']) await bench.drop(app, `${shellScript}# ${app}\n`)
  const before = await bench.offered('one')
  await bench.offered('two')
  await bench.offered('three')
  const mark = bench.mark()
  bench.intake.configure(
    settingsOf({ one: { env: { A: '1' } }, two: { instances: 3 }, docs: { target: 'http://x.test' } }),
  )
  const after = await bench.offered('one', mark)
  assert.notEqual(after.launch.version, before.launch.version)
  assert.equal(after.launch.file, before.launch.file)
  const two = await bench.until((it) => it.type === 'settings' && it.app === 'two', mark)
  assert.ok(two.type === 'settings' && two.settings.instances === 3)
  await bench.until((it) => it.type === 'remote', mark)
  assert.equal(bench.events.slice(mark).length, 3)

  const next = bench.mark()
  bench.intake.configure(settingsOf({ one: { env: { A: '1' } }, two: { instances: 3 } }))
  await bench.until((it) => it.type === 'vanished' && it.app === 'docs', next)
  await bench.drop('four', shellScript)
  await bench.offered('four')
  assert.deepEqual(
    bench.events.slice(next).map((it) => it.app),
    ['docs', 'four', 'four'],
  )
})

test('settings that change while a file is being judged are not lost', async () => {
  await using bench = await openBench()
  await bench.drop('one', shellScript)
  await bench.until((it) => it.type === 'settling')
  let instances = 1
  while (!bench.events.some((it) => it.type === 'offered')) {
    bench.intake.configure(settingsOf({ one: { instances: ++instances } }))
    await nextTurn()
  }
  await bench.until((it) => it.type !== 'vanished' && it.settings.instances === instances)
})

test('a command in the settings of an existing file is run instead, and the file decides about the version', async () => {
  await using bench = await openBench({ apps: { hello: { command: ['node', 'hello.js'] } } })
  const mark = bench.mark()
  await bench.drop('hello.js', '// one\n', 0o644)
  const one = await bench.until((it) => it.type === 'offered' && it.launch.source.endsWith('hello.js'), mark)
  assert.ok(one.type === 'offered' && one.launch.file === 'node')
  const next = bench.mark()
  await bench.drop('hello.js', '// two\n', 0o644)
  assert.notEqual((await bench.offered('hello', next)).launch.version, one.launch.version)
})

test('a folder is run by the first of: app.json, run, start, its name, Procfile, package.json', async () => {
  await using bench = await openBench()
  const folder = path.join(bench.appsDir, 'chat')
  await mkdir(folder)
  const step = async (name: string, content: string, mode = 0o644): Promise<Launched> => {
    const mark = bench.mark()
    await writeFile(path.join(folder, name), content, { mode })
    await chmod(path.join(folder, name), mode)
    return await launched(bench, 'chat', mark)
  }
  assert.match(await bench.refused('chat'), /^nothing to run in it/)
  const npm = await step('package.json', '{"scripts":{"start":"node server.js --quiet"}}')
  assert.equal(npm.file, 'sh')
  assert.match(npm.args[1] ?? '', /node_modules\/\.bin':"\$PATH"; export PATH\nnode server\.js --quiet$/)
  assert.equal(npm.cwd, folder)
  const procfile = await step('Procfile', 'worker: nothing\nweb: exec node web.js $PORT\n')
  assert.deepEqual(procfile.args, ['-c', 'exec node web.js $PORT'])
  assert.equal((await step('chat', shellScript, 0o755)).file, path.join(folder, 'chat'))
  assert.equal((await step('start', shellScript, 0o755)).file, path.join(folder, 'start'))
  assert.equal((await step('run', shellScript, 0o755)).file, path.join(folder, 'run'))
  const manifest = await step('app.json', '{"command":["node","server.mjs"],"args":["{port}"],"env":{"A":"1"}}')
  assert.deepEqual([manifest.file, ...manifest.args], ['node', 'server.mjs', '{port}'])
  assert.deepEqual(manifest.env, { A: '1' })

  // What the command names counts, what else is written there does not.
  const mark = bench.mark()
  await writeFile(path.join(folder, 'data'), 'x')
  await writeFile(path.join(folder, 'server.mjs'), '// one\n')
  const touched = bench.mark()
  await rm(path.join(folder, 'app.json'))
  assert.equal((await launched(bench, 'chat', touched)).file, path.join(folder, 'run'))
  assert.equal(bench.events.slice(mark, touched).length, 0)
})

test('an edit of a file that a folder app names in its command is a new version', async () => {
  await using bench = await openBench({
    before: async (appsDir) => {
      await mkdir(path.join(appsDir, 'chat'))
      await writeFile(path.join(appsDir, 'chat', 'server.mjs'), '// one\n')
      await writeFile(path.join(appsDir, 'chat', 'app.json'), '{"command":["node","server.mjs"]}')
    },
  })
  const one = await bench.offered('chat')
  const mark = bench.mark()
  await writeFile(path.join(bench.appsDir, 'chat', 'server.mjs'), '// two\n')
  assert.notEqual((await bench.offered('chat', mark)).launch.version, one.launch.version)
  assert.equal(await readFile(path.join(bench.appsDir, 'chat', 'server.mjs'), 'utf8'), '// two\n')
})

test('a folder whose manifest or executable is broken says so, and is offered when mended', async () => {
  await using bench = await openBench({
    before: async (appsDir) => {
      for (const name of ['bad', 'unmarked', 'gone']) await mkdir(path.join(appsDir, name))
      await writeFile(path.join(appsDir, 'bad', 'app.json'), '{')
      await writeFile(path.join(appsDir, 'unmarked', 'run'), shellScript, { mode: 0o644 })
      await writeFile(path.join(appsDir, 'gone', 'app.json'), '{"command":["./server"]}')
    },
  })
  assert.equal(await bench.refused('bad'), 'app.json is not JSON')
  assert.match(await bench.refused('unmarked'), /^not executable; run: chmod \+x .*unmarked\/run$/)
  assert.match(await bench.refused('gone'), /^needs .*gone\/server, which does not exist$/)
  await writeFile(path.join(bench.appsDir, 'bad', 'app.json'), '{"command":["sleep","60"]}')
  await chmod(path.join(bench.appsDir, 'unmarked', 'run'), 0o755)
  await bench.offered('bad')
  await bench.offered('unmarked')
})

type Launched = Awaited<ReturnType<Bench['offered']>>['launch']

async function launched(bench: Bench, app: string, mark: number): Promise<Launched> {
  return (await bench.offered(app, mark)).launch
}
