import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import test from 'node:test'
import { bin, cleanEnvironment, createFolder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { end } from '../support/processes.ts'
import { patience, within } from '../support/wait.ts'

test('status shows every app to people and, with --json, to programs', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs', 'empty.sh': { text: '' } } })
  const { run, pid, port } = await gateway.events.ready('hello')
  const table = await gateway.folder.cli('status')
  assert.equal(table.code, 0, table.stderr)
  for (const word of ['hello', 'ready', String(pid), 'empty', 'refused']) assert.ok(table.stdout.includes(word), word)
  const { instances, url, hostUrl, state } = await gateway.app('hello')
  assert.equal(state, 'ready')
  assert.deepEqual(
    instances.map((it) => [it.run, it.pid, it.port]),
    [[run, pid, port]],
  )
  assert.match(url, /\/hello\/$/)
  assert.match(hostUrl ?? '', /hello\.localhost/)
})

test('logs prints what an app wrote, and -f goes on', async () => {
  await using gateway = await startGateway({ apps: { 'slow.cjs': 'slow-response.cjs' } })
  await gateway.events.ready('slow')
  await ask(gateway, '/slow/?first')
  await gateway.events.waitFor(({ line }) => line === 'began /?first', 'the first line')
  const { code, stdout } = await gateway.folder.cli('logs', 'slow')
  assert.equal(code, 0)
  assert.match(stdout, /began \/\?first/)

  const follow = spawn(process.execPath, [bin, 'logs', 'slow', '-f'], {
    cwd: gateway.folder.dir,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = ''
  const sees = async (word: string): Promise<void> => {
    await within(
      (async () => {
        while (!seen.includes(word)) await new Promise((resolve) => follow.stdout.once('data', resolve))
      })(),
      patience,
      () => `${word} in ${seen}`,
    )
  }
  try {
    follow.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text))
    await sees('began /?first')
    await ask(gateway, '/slow/?second')
    await sees('began /?second')
  } finally {
    end(follow.pid ?? 0, 'SIGTERM')
  }
})

test('stop, start and restart do what they say, and an unknown app is an error with a suggestion', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const first = await gateway.events.ready('hello')
  assert.equal((await gateway.folder.cli('stop', 'hello')).code, 0)
  assert.equal((await ask(gateway, '/hello/')).status, 503)
  let since = gateway.events.mark()
  assert.equal((await gateway.folder.cli('start', 'hello')).code, 0)
  const second = await gateway.events.ready('hello', { since })
  assert.ok(second.run > first.run)
  since = gateway.events.mark()
  assert.equal((await gateway.folder.cli('restart', 'hello')).code, 0)
  await gateway.events.ready('hello', { since })
  const unknown = await gateway.folder.cli('stop', 'helo')
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /hello/)
})

test('help shows examples and changes nothing, a wrong option exits with 2, and without a gateway status says so', async () => {
  await using folder = await createFolder()
  for (const args of [['--help'], ['up', '--help'], ['status', '--help']]) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /quaymaster/)
  }
  assert.match((await folder.cli('--help')).stdout, /Example/i)
  assert.equal((await folder.cli('up', '--prot', '1')).code, 2)
  assert.match((await folder.cli('up', '--prot', '1')).stderr, /--port/)
  assert.equal((await folder.cli('up', '--port', 'many')).code, 2)
  assert.equal((await folder.cli('nonsense')).code, 2)
  const status = await folder.cli('status')
  assert.equal(status.code, 1)
  assert.match(status.stderr, /up/)
  assert.match((await folder.cli('--version')).stdout, /^\d+\.\d+\.\d+/)
})

test('there is one line per request, with who, what and how long', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const { run } = await gateway.events.ready('hello')
  const since = gateway.events.mark()
  const answer = await ask(gateway, '/hello/a?b=c')
  await ask(gateway, '/hello/', { token: null })
  const entry = await gateway.events.waitFor(({ event }) => event === 'request', 'the entry', { since })
  assert.deepEqual(
    [entry['app'], entry.run, entry['method'], entry['target'], entry['status']],
    ['hello', run, 'GET', '/hello/a?b=c', 200],
  )
  assert.equal(entry['id'], answer.headers['x-request-id'] ?? entry['id'])
  await gateway.events.waitFor(({ event, status }) => event === 'request' && status === 401, 'the 401', { since })
  assert.equal(gateway.events.seen.slice(since).filter(({ event }) => event === 'request').length, 2)
})
