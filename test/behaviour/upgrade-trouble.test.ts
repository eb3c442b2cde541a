import assert from 'node:assert/strict'
import fs from 'node:fs'
import test from 'node:test'
import { createFolder, type Folder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { isAlive } from '../support/processes.ts'
import { eventually, patience, within } from '../support/wait.ts'

/** What is said of an app that has been started, at any later time. */
const comesUp = ({ event, state }: { event: string; state?: string }): boolean => {
  return event === 'listening' || (event === 'app' && (state === 'starting' || state === 'ready'))
}

for (const how of ['SIGTERM', 'down']) {
  test(`${how} while an upgrade is being prepared ends everything in order, and the new process never takes over`, async () => {
    await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
    await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
    await writePausing(folder, { defaults: { stop: { grace: '2s' } } })
    await using gateway = await startGateway({ folder })
    const { pid } = await gateway.events.ready('hello')
    await gateway.events.ready('deaf')
    const since = gateway.events.mark()
    const upgrade = folder.cli('upgrade')
    const heir = Number(await eventually(() => read(folder.path('pausing')), { what: 'the new process' }))
    const down = how === 'down' ? folder.cli('down') : null
    if (down === null) gateway.child.kill('SIGTERM')
    await gateway.events.waitFor(({ state, name }) => state === 'stopping' && name === 'deaf', 'the stop', { since })
    await folder.write('go', '')
    assert.equal((await within(gateway.ended, patience, 'the end')).code, 0)
    assert.equal((await down)?.code ?? 0, 0)
    const { code, stderr } = await upgrade
    assert.equal(code, 1)
    assert.match(stderr, /the gateway is being stopped/)
    assert.deepEqual(gateway.events.seen.slice(since).filter(comesUp), [])
    await eventually(() => ![pid, heir].some(isAlive), { what: 'all to be gone' })
  })
}

test('an upgrade with another stateDir in the configuration is refused with the reason, and nothing is started twice', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const { folder, events } = gateway
  const { pid } = await events.ready('hello')
  await folder.write('gateway.config.json', JSON.stringify({ stateDir: 'elsewhere' }))
  const since = events.mark()
  // The command would look for the gateway in the other folder.
  const { code, stderr } = await folder.cli('--state', '.quaymaster', 'upgrade')
  assert.equal(code, 1)
  assert.match(stderr, /serves on: .*stateDir is \S+elsewhere now, but what runs is on file in \S+\.quaymaster: /)
  gateway.child.kill('SIGUSR2')
  await events.waitFor(({ message }) => /^Not upgraded: .*stateDir is /.test(String(message)), 'a notice', { since })
  assert.ok(!events.seen.slice(since).some(comesUp))
  assert.ok(isAlive(pid))
  await folder.write('gateway.config.json', '{}')
  assert.equal((await folder.cli('upgrade')).code, 0)
  assert.equal((await events.ready('hello', { since })).pid, pid)
})

test('a second Ctrl-C after an upgrade ends the new process and every app at once, too', async () => {
  await using folder = await createFolder({ config: { defaults: { stop: { grace: '40s' } } } })
  await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('deaf')
  const since = gateway.events.mark()
  assert.equal((await folder.cli('upgrade')).code, 0)
  const listening = await gateway.events.waitFor(({ event }) => event === 'listening', 'the new one', { since })
  gateway.child.kill('SIGINT')
  await eventually(() => gateway.stderr().includes('waiting for: deaf'), { what: 'a second to be over' })
  gateway.child.kill('SIGINT')
  assert.equal((await within(gateway.ended, patience, 'the end of both')).code, 130)
  assert.deepEqual([Number(listening.pid), pid].filter(isAlive), [])
})

test('an app that the operator has stopped stays so over upgrades, also when no other one runs', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  await gateway.events.ready('hello')
  assert.equal((await gateway.folder.cli('stop', 'hello')).code, 0)
  await gateway.events.waitFor(({ state }) => state === 'stopped', 'its end')
  const since = gateway.events.mark()
  for (const _ of [1, 2]) assert.equal((await gateway.folder.cli('upgrade')).code, 0)
  await eventually(async () => (await gateway.app('hello')).state !== 'settling', { what: 'it to be judged' })
  assert.equal((await gateway.app('hello')).state, 'off')
  assert.ok(!gateway.events.seen.slice(since).some(({ state }) => state === 'starting'))
})

test('a new process that dies while it takes over is followed by another one: same apps, and no request fails', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
  await writeDying(folder, `!existsSync(${JSON.stringify(folder.path('died'))})`, {})
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('hello')
  await using load = startLoad(gateway, { rps: 100, path: '/hello/', headers: { connection: 'close' } })
  const since = gateway.events.mark()
  const { code, stdout, stderr } = await folder.cli('upgrade')
  assert.equal(code, 0, stderr)
  assert.equal(fs.existsSync(folder.path('died')), true)
  assert.equal((await gateway.events.ready('hello', { since })).pid, pid)
  const before = load.shots.length
  await eventually(() => load.shots.length > before + 50, { what: 'more requests' })
  assert.deepEqual(failures(await load.stop()), [])
  assert.equal((await gateway.status()).pid, Number(/goes on as PID (\d+)/.exec(stdout)?.[1]))
  gateway.child.kill('SIGTERM')
  assert.equal((await within(gateway.ended, patience, 'the end of both')).code, 0)
  assert.ok(!isAlive(pid))
})

for (const grace of ['1s', false]) {
  test(`when another one dies, too, upgrade says so at once and nothing is left, with guard.grace ${grace}`, async () => {
    await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
    await writeDying(folder, 'true', { guard: { grace } })
    await using gateway = await startGateway({ folder })
    const { pid } = await gateway.events.ready('hello')
    const { code, stderr } = await folder.cli('upgrade')
    assert.equal(code, 1)
    assert.match(stderr, /The new gateway ended while it took over, and PID \d+ with it/)
    assert.equal((await within(gateway.ended, patience, 'the end')).code, 1)
    if (grace === false) assert.ok(!isAlive(pid))
    await eventually(() => !isAlive(pid), { what: 'the app to be gone' })
  })
}

test('an app that is being stopped keeps its grace over an upgrade, is told once, and no other one waits for it', async () => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': 'hello.cjs' },
    config: { defaults: { stop: { grace: '60s' } } },
  })
  const { folder, events } = gateway
  await folder.put('slow.cjs', { text: endsAt(folder.path('go')) })
  const hello = await events.ready('hello')
  const { pid } = await events.ready('slow')
  await folder.remove('slow.cjs')
  await events.waitFor(({ line }) => line === 'told 1', 'its SIGTERM')
  const since = events.mark()
  for (const _ of [1, 2]) assert.equal((await folder.cli('upgrade')).code, 0)
  assert.equal((await events.ready('hello', { since })).pid, hello.pid)
  // What would be cut short would be after two seconds.
  await eventually(async () => (await ask(gateway, '/slow/')).status === 404, { what: 'the app to be gone' })
  assert.ok(isAlive(pid))
  await folder.write('go', '')
  await events.waitFor(({ name, state }) => name === 'slow' && state === 'stopped', 'its end', { since })
  const after = events.seen.slice(since)
  assert.ok(!after.some(({ line, state }) => line === 'told 2' || state === 'killing'))
  assert.ok(!after.some(({ message }) => /left running/.test(String(message))))
})

/** An app that takes its time with SIGTERM: until there is such a file. */
function endsAt(file: string): string {
  return `#!/usr/bin/env node
let told = 0
process.on('SIGTERM', () => console.log('told ' + ++told))
setInterval(() => require('node:fs').existsSync(${JSON.stringify(file)}) && process.exit(), 20)
require('node:http').createServer((request, response) => response.end('ok')).listen(process.env.PORT, process.env.HOST)
`
}

/** A configuration that, in a process which takes over, ends it if that holds. */
async function writeDying(folder: Folder, condition: string, config: object): Promise<void> {
  const text = `import { existsSync, writeFileSync } from 'node:fs'
    // It is read a first time before anything is taken over.
    globalThis.reads = (globalThis.reads ?? 0) + 1
    if (process.connected && globalThis.reads > 1 && ${condition}) {
      writeFileSync(${JSON.stringify(folder.path('died'))}, '')
      process.kill(process.pid, 'SIGKILL')
    }
    export default ${JSON.stringify(config)}`
  await folder.write('gateway.config.mjs', text)
}

/** A configuration whose reading takes, in a process that shall take over, until there is a file `go`. */
async function writePausing(folder: Folder, config: object): Promise<void> {
  const text = `import { existsSync, writeFileSync } from 'node:fs'
    import { setTimeout as delay } from 'node:timers/promises'
    if (process.connected) {
      writeFileSync(${JSON.stringify(folder.path('pausing'))}, String(process.pid))
      while (!existsSync(${JSON.stringify(folder.path('go'))})) await delay(20)
    }
    export default ${JSON.stringify(config)}`
  await folder.write('gateway.config.mjs', text)
}

function read(file: string): string {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
}
