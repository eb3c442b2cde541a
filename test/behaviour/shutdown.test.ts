import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { createFolder, root } from '../support/folder.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../support/gateway.ts'
import { accepts, ask } from '../support/http.ts'
import { isAlive, processesOf } from '../support/processes.ts'
import { eventually, patience, within } from '../support/wait.ts'

const apps = { 'hello.cjs': 'hello.cjs', 'slow.cjs': 'slow-response.cjs' }

/** Nothing of it is left: no process, no socket, nobody on its port. */
async function assertGone(gateway: Gateway): Promise<void> {
  assert.deepEqual(processesOf(gateway.folder.dir), [])
  assert.equal(await accepts(gateway.port), false)
  await assert.rejects(fs.stat(gateway.folder.path('.quaymaster/control.sock')), { code: 'ENOENT' })
}

async function throughNpm(): Promise<GatewayOptions & { folder: NonNullable<GatewayOptions['folder']> }> {
  const folder = await createFolder({ apps })
  const state = folder.path('.quaymaster')
  const args = ['--apps', folder.apps, '--state', state]
  return { folder, cwd: root, command: ['npm', 'start', '-s', '--'], args }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends it with exit code 0 and leaves nothing`, async () => {
    await using gateway = await startGateway({ apps })
    await gateway.events.ready('hello')
    const { code, signal: by } = await gateway.stop(signal)
    assert.deepEqual({ code, by }, { code: 0, by: null })
    await assertGone(gateway)
  })
}

test('SIGTERM to npm ends the gateway and its apps too', async () => {
  const options = await throughNpm()
  await using _folder = options.folder
  await using gateway = await startGateway(options)
  await gateway.events.ready('hello')
  const { code, signal } = await gateway.stop('SIGTERM')
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
  await eventually(() => !isAlive(gateway.pid), { what: 'the gateway to be gone' })
  await assertGone(gateway)
})

test('Ctrl-C under npm, which arrives at the whole group and then once more from npm, is a graceful stop', async () => {
  const options = await throughNpm()
  await using _folder = options.folder
  await using gateway = await startGateway(options)
  await gateway.events.ready('slow')
  const answer = ask(gateway, '/slow/?ms=700')
  await gateway.events.waitFor(({ line }) => line === 'began /?ms=700', 'the request')
  process.kill(gateway.pid, 'SIGINT')
  gateway.child.kill('SIGINT')
  assert.equal((await answer).status, 200)
  await gateway.stop()
  await eventually(() => !isAlive(gateway.pid), { what: 'the gateway to be gone' })
  await assertGone(gateway)
})

test('what is in flight at Ctrl-C is finished, new requests are not taken, and it says what it waits for', async () => {
  await using gateway = await startGateway({ apps })
  await gateway.events.ready('slow')
  const answer = ask(gateway, '/slow/?ms=1500')
  await gateway.events.waitFor(({ line }) => line === 'began /?ms=1500', 'the request')
  const since = gateway.events.mark()
  gateway.child.kill('SIGINT')
  await gateway.events.waitFor((event) => /slow/.test(JSON.stringify(event)), 'word of slow', { since })
  await eventually(async () => !(await accepts(gateway.port)), { what: 'the port to be closed' })
  assert.equal((await answer).body, 'slow-response @version@\n')
  const { code } = await gateway.stop()
  assert.equal(code, 0)
  await assertGone(gateway)
})

test('a second Ctrl-C after a second kills at once, with exit code 130 and nothing left', async () => {
  await using folder = await createFolder({ config: { defaults: { stop: { grace: '20s' } } } })
  await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('deaf')
  const pids = (await folder.lines('pids.txt')).map(Number)
  gateway.child.kill('SIGINT')
  // The second one counts only when it cannot be npm's echo of the first.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  assert.ok(isAlive(gateway.pid))
  gateway.child.kill('SIGINT')
  const { code } = await within(gateway.ended, patience, 'the end')
  assert.equal(code, 130)
  await eventually(() => !pids.some(isAlive), { what: 'the deaf app to be gone' })
  await assertGone(gateway)
})

test('down stops it from another terminal', async () => {
  await using gateway = await startGateway({ apps })
  await gateway.events.ready('hello')
  const { code, stderr } = await gateway.folder.cli('down')
  assert.equal(code, 0, stderr)
  assert.equal((await within(gateway.ended, patience, 'the end')).code, 0)
  await assertGone(gateway)
})

test('a process that took over the PID of a stray is not touched', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('hello')
  first.child.kill('SIGKILL')
  await first.ended
  process.kill(pid, 'SIGKILL')
  // Whatever notes it keeps about its children: with our own PID in place of the child's it must see the other start.
  const state = folder.path('.quaymaster')
  let changed = 0
  for (const entry of await fs.readdir(state, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.parentPath.includes('versions')) continue
    const file = path.join(entry.parentPath, entry.name)
    const text = await fs.readFile(file, 'utf8')
    const forged = text.replaceAll(new RegExp(`\\b${pid}\\b`, 'g'), String(process.pid))
    // Copies of programs are read-only, which holds for everybody but root.
    if (forged === text) continue
    changed++
    await fs.writeFile(file, forged)
  }
  assert.ok(changed > 0, 'no note about the child was found in the state folder')
  await using second = await startGateway({ folder })
  await second.events.ready('hello')
  assert.ok(isAlive(process.pid))
})
