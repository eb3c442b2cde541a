import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type AppFile, createFolder } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { eventually } from '../support/wait.ts'

const config = { defaults: { rollout: { soak: '300ms' }, health: { boot: '2s' } } }

function hello(version: string): AppFile {
  return { fixture: 'hello.cjs', words: { version } }
}

/** One that says something, which is to stay out of what is said of another version. */
const chatty = `#!/usr/bin/env node
console.log('the words of a version that serves')
require('node:http').createServer((_, response) => response.end('hello 0\\n')).listen(process.env.PORT, '127.0.0.1')
`

async function body(gateway: Gateway): Promise<string> {
  return (await ask(gateway, '/hello/')).body
}

/** `POST .../rollback` with this query, as the API answers it. */
async function rollback(gateway: Gateway, query: string): Promise<{ status: number; text: string }> {
  const url = new URL(`/api/v1/apps/hello/rollback${query}`, gateway.adminUrl)
  const response = await fetch(url, { method: 'POST', headers: { 'X-API-Token': gateway.token } })
  return { status: response.status, text: await response.text() }
}

/** What `quaymaster versions` says, the newest first. */
async function states(gateway: Gateway): Promise<string[]> {
  const { stdout } = await gateway.folder.cli('versions', 'hello', '--json')
  return (JSON.parse(stdout) as { state: string }[]).map(({ state }) => state)
}

test('deploy takes a good version, refuses a bad one with its reason and a note, and a restart of the gateway keeps to that', async () => {
  await using folder = await createFolder({ config })
  const file = folder.path('new.cjs')
  const deploy = async (app: AppFile): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    await fs.rename(await folder.put('.staged', app), file)
    return folder.cli('deploy', file, '--as', 'hello')
  }
  const note = path.join(folder.apps, 'hello.failed')
  {
    await using gateway = await startGateway({ folder })
    // Refused before a byte of it was read: the reason reaches the command all the same.
    await fs.writeFile(file, Buffer.alloc(4_000_000))
    const misnamed = await folder.cli('deploy', file, '--as', 'Bad_Name')
    const why = 'Cannot deploy "Bad_Name": Bad_Name.cjs is no file name for an app called Bad_Name\n'
    assert.deepEqual([misnamed.code, misnamed.stderr], [1, why])
    assert.equal((await deploy({ text: chatty })).code, 0)
    for (const version of ['1', '2']) {
      const { code, stdout, stderr } = await deploy(hello(version))
      assert.deepEqual([code, stdout, stderr], [0, 'hello is ready.\n', ''])
      assert.equal(await body(gateway), `hello ${version}\n`)
    }
    const bad = await deploy('crash-on-boot.sh')
    assert.deepEqual([bad.code, bad.stdout], [1, ''])
    assert.match(bad.stderr, /exited with code 1 before it was ready: no database at 127\.0\.0\.1:5432/)
    assert.equal(await body(gateway), 'hello 2\n')
    const text = await eventually(() => fs.readFile(note, 'utf8'), { what: 'the note' })
    assert.match(text, /Why: {5}exited with code 1 .*\n\nIts last lines:\n {2}no database/)
    assert.deepEqual(await states(gateway), ['refused', 'serving', 'previous', 'previous'])
    const missing = await deploy('never-ready.cjs')
    assert.match(missing.stderr, /not ready within 2s/)
  }
  {
    await using gateway = await startGateway({ folder })
    await gateway.events.ready('hello')
    assert.equal(await body(gateway), 'hello 2\n')
    assert.match((await gateway.app('hello')).rejected?.reason ?? '', /not ready within 2s/)
    // Told to, it tries the bytes again.
    const { code, stderr } = await folder.cli('restart', 'hello')
    assert.equal(code, 1)
    assert.match(stderr, /not ready within 2s/)
    assert.equal((await deploy(hello('3'))).code, 0)
    await eventually(async () => !(await fs.readdir(folder.apps)).includes('hello.failed'), { what: 'the note to go' })
    assert.equal((await gateway.app('hello')).rejected, null)
    // What was refused is over with other bytes: a restart of those is an ordinary one.
    await folder.put('hello.cjs', 'crash-on-boot.sh')
    await eventually(async () => (await gateway.app('hello')).rejected !== null, { what: 'the refusal' })
    await folder.put('hello.cjs', hello('4'))
    await eventually(async () => (await body(gateway)) === 'hello 4\n', { what: 'the next version' })
    const next = await eventually(
      async () => {
        const { state, instances } = await gateway.app('hello')
        return state === 'ready' && instances.length === 1 && instances[0]
      },
      { what: 'the end of its soak' },
    )
    assert.equal((await folder.cli('restart', 'hello')).code, 0)
    assert.notEqual((await gateway.app('hello')).instances[0]?.run, next.run)
  }
})

test('a deploy that a newer one has overtaken says so and fails, the newer one serves', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('1') } })
  await gateway.events.ready('hello')
  const { folder } = gateway
  const file = folder.path('new.cjs')
  const stage = async (app: AppFile): Promise<void> => fs.rename(await folder.put('.staged', app), file)
  const mark = gateway.events.mark()
  await stage('never-ready.cjs')
  const overtaken = folder.cli('deploy', file, '--as', 'hello')
  const starts = ({ name, state }: { name?: string; state?: string }): boolean =>
    name === 'hello' && state === 'starting'
  await gateway.events.waitFor(starts, 'the first to start', { since: mark })
  await stage(hello('3'))
  const last = await folder.cli('deploy', file, '--as', 'hello')
  assert.deepEqual([last.code, last.stdout, last.stderr], [0, 'hello is ready.\n', ''])
  const { code, stdout, stderr } = await overtaken
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /superseded by version [0-9a-f]+ before it was ready/)
  assert.equal(await body(gateway), 'hello 3\n')
})

test('rollback goes back to the last version that served, sticks over an edit of the configuration, and restart goes forward', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('1') }, config })
  await gateway.events.ready('hello')
  const { folder } = gateway
  const first = await folder.cli('rollback', 'hello')
  assert.deepEqual(
    [first.code, first.stderr],
    [1, 'Cannot roll back "hello": no earlier version of it has proved itself\n'],
  )
  await folder.put('hello.cjs', hello('2'))
  await eventually(async () => (await states(gateway)).join() === 'serving,previous', { what: 'the second version' })
  const { stdout } = await folder.cli('versions', 'hello')
  assert.deepEqual(
    stdout.split('\n').map((line) => line.endsWith('rollback takes it')),
    [false, false, true, false],
  )
  const back = await folder.cli('rollback', 'hello')
  assert.deepEqual([back.code, back.stderr], [0, ''])
  assert.equal(await body(gateway), 'hello 1\n')
  assert.match((await gateway.app('hello')).rejected?.reason ?? '', /rolled back by the operator/)
  await folder.write('gateway.config.json', JSON.stringify({ defaults: { ...config.defaults, hold: { max: 7 } } }))
  await gateway.events.waitFor(({ message }) => message === 'The configuration was applied.', 'the edit')
  assert.equal(await body(gateway), 'hello 1\n')
  const forward = await folder.cli('restart', 'hello')
  assert.deepEqual([forward.code, forward.stderr], [0, ''])
  assert.equal(await body(gateway), 'hello 2\n')
  await folder.put('hello.cjs', 'crash-on-boot.sh')
  await gateway.events.waitFor(({ name, state }) => name === 'hello' && state === 'rejected', 'the refusal')
  assert.equal((await folder.cli('rollback', 'hello')).code, 0)
  assert.equal(await body(gateway), 'hello 1\n')
  const why = (await gateway.app('hello')).rejected?.reason ?? ''
  assert.match(why, /^rolled back by the operator; it had been refused: exited with code /)
})

test('rollback takes no beginning that several versions have, nor an empty one', async () => {
  const texts = Array.from({ length: 100 }, (_, index) => `${chatty}// ${index}\n`)
  const [first = ''] = texts
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
  const begin = digest(first).slice(0, 1)
  const second = texts.slice(1).find((text) => digest(text).startsWith(begin))
  assert.ok(second !== undefined)
  await using gateway = await startGateway({ apps: { 'hello.cjs': { text: first } }, config })
  await gateway.events.ready('hello')
  for (const text of [second, chatty]) {
    const before = (await states(gateway)).length
    await gateway.folder.put('hello.cjs', { text })
    await eventually(
      async () => {
        const found = await states(gateway)
        return found.length > before && found[0] === 'serving'
      },
      { what: 'the next version' },
    )
  }
  const { code, stderr } = await gateway.folder.cli('rollback', 'hello', begin)
  assert.equal(code, 1)
  assert.match(stderr, /: . is the beginning of more than one version: [0-9a-f]{6,}, [0-9a-f]{6,}/)
  const empty = await rollback(gateway, '?to=')
  assert.equal(empty.status, 409)
  assert.match(empty.text, /an empty name is the beginning of every version/)
  assert.equal((await states(gateway))[0], 'serving')
  assert.deepEqual([(await rollback(gateway, `?to=${digest(first)}`)).status, await body(gateway)], [200, 'hello 0\n'])
})

test('of two rollbacks at once both succeed if they mean the same version, and else the one that was overtaken says so', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('1') }, config })
  await gateway.events.ready('hello')
  for (const version of ['2', '3']) {
    await gateway.folder.put('hello.cjs', hello(version))
    const kept = Array.from({ length: Number(version) - 1 }, () => 'previous')
    await eventually(async () => (await states(gateway)).join() === ['serving', ...kept].join(), { what: version })
  }
  const { stdout } = await gateway.folder.cli('versions', 'hello', '--json')
  const [third, second, first] = (JSON.parse(stdout) as { digest: string }[]).map(({ digest }) => digest)
  const same = await Promise.all([rollback(gateway, `?to=${second}`), rollback(gateway, `?to=${second}`)])
  assert.deepEqual(
    same.map(({ status, text }) => (status === 200 ? status : text)),
    [200, 200],
  )
  assert.equal(await body(gateway), 'hello 2\n')
  const others = await Promise.all([rollback(gateway, `?to=${first}`), rollback(gateway, `?to=${third}`)])
  const [lost, won] = others.sort((a, b) => b.status - a.status)
  assert.deepEqual([lost?.status, won?.status], [409, 200])
  assert.match(lost?.text ?? '', /superseded by /)
})

test('a note is not written over a file of somebody else, nor through a link', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('1'), 'other.cjs': hello('1') }, config })
  await gateway.events.ready('hello')
  await gateway.events.ready('other')
  const { folder } = gateway
  const mine = await folder.put('hello.failed', { text: 'mine', mode: 0o644 })
  const elsewhere = await folder.write('elsewhere', 'mine, too')
  await fs.symlink(elsewhere, path.join(folder.apps, 'other.failed'))
  for (const app of ['hello', 'other']) {
    await folder.put(`${app}.cjs`, 'crash-on-boot.sh')
    await gateway.events.waitFor(({ name, state }) => name === app && state === 'rejected', `${app} rejected`)
  }
  await folder.put('hello.cjs', hello('2'))
  await eventually(async () => (await states(gateway)).includes('previous'), { what: 'the second version' })
  assert.equal(await fs.readFile(mine, 'utf8'), 'mine')
  assert.equal(await fs.readFile(elsewhere, 'utf8'), 'mine, too')
})

test('of three replacements within a second the last wins, and nothing of the others is left', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('0') }, config })
  await gateway.events.ready('hello')
  for (const version of ['1', '2', '3']) await gateway.folder.put('hello.cjs', hello(version))
  await eventually(
    async () => {
      const { instances, state } = await gateway.app('hello')
      return state === 'ready' && instances.length === 1 && (await body(gateway)) === 'hello 3\n'
    },
    { what: 'the last one alone' },
  )
})
