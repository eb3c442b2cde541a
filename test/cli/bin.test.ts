import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { bin, cleanEnvironment, root, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { patience, within } from '../support/wait.ts'

const floor = 24

test('an older Node hands over to the one that the repository brings', async (t) => {
  const folder = await copyOfBin(t, {
    'src/cli/quaymaster.ts': 'console.log(process.version, process.argv.slice(2).join(" ")); process.exitCode = 3',
  })
  await fs.symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  for (const node of olderNodes()) {
    const { code, stdout, stderr } = await run(node, [path.join(folder, 'bin/quaymaster.mjs'), 'a', '--b'])
    assert.deepEqual([code, stderr], [3, ''])
    assert.ok(Number(/^v(\d+)/.exec(stdout)?.[1]) >= floor, stdout)
    assert.ok(stdout.endsWith(' a --b\n'), stdout)
  }
})

test('an older Node passes signals on, and ends as its child ends', async (t) => {
  const folder = await copyOfBin(t, {
    'src/cli/quaymaster.ts': `
      process.on('SIGTERM', () => { process.exitCode = 5; clearInterval(timer) })
      const timer = setInterval(() => {}, 1000)
      console.log('up')`,
  })
  await fs.symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
  for (const node of olderNodes()) {
    for (const [signal, expected] of [
      ['SIGTERM', [5, null]],
      ['SIGHUP', [null, 'SIGHUP']],
      ['SIGQUIT', [null, 'SIGQUIT']],
    ] as const) {
      const child = spawn(node, [path.join(folder, 'bin/quaymaster.mjs')], { env: cleanEnvironment() })
      t.after(() => child.kill('SIGKILL'))
      await once(child.stdout, 'data')
      child.kill(signal)
      assert.deepEqual(await once(child, 'exit'), expected)
    }
  }
})

test('a gateway whose launcher on an older Node was killed sees it and ends', async () => {
  for (const node of olderNodes()) {
    const gateway = await startGateway({ command: [node, bin, 'up'], apps: { 'hello.cjs': 'hello.cjs' } })
    await gateway.events.ready('hello')
    const { pid } = gateway
    assert.notEqual(pid, gateway.child.pid)
    gateway.child.kill('SIGKILL')
    // Its stdout closes with the last process that holds it; the folder then looks for anything that is left.
    await within(gateway.ended, patience, () => 'the end of the gateway')
    await gateway.folder[Symbol.asyncDispose]()
  }
})

test('an older Node with no newer one beside it says what is needed, in one sentence', async (t) => {
  const folder = await copyOfBin(t, { 'src/cli/quaymaster.ts': '' })
  for (const node of olderNodes()) {
    const { code, stdout, stderr } = await run(node, [path.join(folder, 'bin/quaymaster.mjs'), 'up'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^Quaymaster needs Node 24 or newer; this is v\d+\.\d+\.\d+\. Install it from \S+\n$/)
  }
})

test('the source is run where there is one, else what was built, else it is said that nothing is', async (t) => {
  const built = { 'dist/cli/quaymaster.js': 'console.log("built")' }
  const source = { 'src/cli/quaymaster.ts': 'console.log("source" as string)' }
  const said = async (files: Record<string, string>, below = ''): Promise<string> => {
    const folder = await copyOfBin(t, files, below)
    const { stdout, stderr } = await run(process.execPath, [path.join(folder, 'bin/quaymaster.mjs')])
    return (stdout + stderr).trim()
  }
  assert.equal(await said({ ...built, ...source }), 'source')
  assert.equal(await said(built), 'built')
  assert.equal(await said({ ...built, ...source }, 'node_modules/quaymaster'), 'built')
  assert.match(await said({}), /^Quaymaster is incomplete: .*npm run build$/)
})

test('the bin is executable and works through a link, as npm installs it', async (t) => {
  const folder = await copyOfBin(t, {})
  const link = path.join(folder, 'quaymaster')
  await fs.symlink(bin, link)
  await fs.access(bin, fs.constants.X_OK)
  const { code, stdout } = await run(process.execPath, [link, '--version'])
  assert.deepEqual([code, /^\d+\.\d+\.\d+/.test(stdout)], [0, true])
})

test('the bin has no syntax and no module that an old Node does not know', async () => {
  const text = await fs.readFile(bin, 'utf8')
  assert.doesNotMatch(text, /\?\?|\?\.|node:|^await|#\w+;|Object\.hasOwn|\.at\(/m)
})

/** The Nodes of this machine that are too old for us: none on most, and then there is nothing that could go wrong. */
function olderNodes(): string[] {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin']
  const found = new Set<string>()
  for (const folder of folders) {
    const file = path.join(folder, 'node')
    const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8', timeout: patience })
    if (Number(/^v(\d+)/.exec(stdout ?? '')?.[1] ?? floor) < floor) found.add(file)
  }
  return [...found]
}

/** A package of its own: the bin, and whatever else is put beside it. */
async function copyOfBin(t: TestContext, files: Record<string, string>, below = ''): Promise<string> {
  const top = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'quay-')))
  t.after(() => fs.rm(top, { recursive: true }))
  const folder = path.join(top, below)
  const all = { ...files, 'bin/quaymaster.mjs': await fs.readFile(bin, 'utf8'), 'package.json': '{"type":"module"}' }
  for (const [name, text] of Object.entries(all)) {
    await fs.mkdir(path.dirname(path.join(folder, name)), { recursive: true })
    await fs.writeFile(path.join(folder, name), text)
  }
  return folder
}
