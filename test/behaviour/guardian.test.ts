import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import test from 'node:test'
import { createFolder, type Folder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { end, isAlive, processesOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const config = { guard: { grace: '700ms' }, defaults: { stop: { grace: '1s' } } }

/** The shell that waits for the gateway's death, or what it has become. */
function guardians(folder: Folder): number[] {
  return processesOf(folder.dir).flatMap(({ pid, command }) => (command.includes(' guard ') ? [pid] : []))
}

/** A process of nobody's, under whose PID an instance is on file: with another start time, as after a recycled PID. */
async function plantDecoy(folder: Folder): Promise<ChildProcess> {
  const decoy = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  await once(decoy, 'spawn')
  const file = folder.path('.quaymaster/instances.json')
  const roll = JSON.parse(await fs.readFile(file, 'utf8')) as { instances: { run: number }[] }
  const [first] = roll.instances
  const forged = { ...first, run: 99, app: 'decoy', pid: decoy.pid, startTime: '1', marker: '0'.repeat(32) }
  await fs.writeFile(file, JSON.stringify({ ...roll, instances: [...roll.instances, forged] }))
  return decoy
}

test('a gateway that is killed and never comes back leaves nothing: not deaf ones, not grandchildren, and no stranger is hurt', async () => {
  await using folder = await createFolder({ config, apps: { 'hello.cjs': 'hello.cjs' } })
  await folder.put('deaf.py', { fixture: 'deaf.py', words: { pids: folder.path('pids.txt') } })
  await using first = await startGateway({ folder })
  await first.events.ready('deaf')
  const { pid } = await first.events.ready('hello')
  const all = [pid, ...(await folder.lines('pids.txt')).map(Number)]
  first.child.kill('SIGKILL')
  await first.ended
  const decoy = await plantDecoy(folder)
  try {
    await eventually(() => !all.some(isAlive), { what: 'the fleet to be gone' })
    await eventually(() => guardians(folder).length === 0, { what: 'the guardian to be done' })
    assert.ok(isAlive(decoy.pid ?? 0))
    await using second = await startGateway({ folder })
    const told = await second.events.waitFor(({ message }) => /ending deaf/.test(String(message)), 'word of it')
    assert.match(String(told['message']), /The gateway died and none came in time: ending deaf/)
    assert.notEqual((await second.events.ready('hello')).pid, pid)
  } finally {
    decoy.kill('SIGKILL')
  }
})

test('a guardian that dies is replaced, and the new one does what it is for', async () => {
  await using folder = await createFolder({ config, apps: { 'hello.cjs': 'hello.cjs' } })
  await using gateway = await startGateway({ folder })
  const { pid } = await gateway.events.ready('hello')
  const [before = 0] = guardians(folder)
  end(before)
  const [after = 0] = await eventually(
    () => {
      const now = guardians(folder).filter((it) => it !== before)
      return now.length > 0 && now
    },
    { what: 'another guardian' },
  )
  assert.notEqual(after, before)
  gateway.child.kill('SIGKILL')
  await gateway.ended
  await eventually(() => !isAlive(pid), { what: 'the app to be gone' })
})

test('a gateway that comes back in time sends the guardian of its predecessor home', async () => {
  await using folder = await createFolder({ config: { guard: { grace: '20s' } }, apps: { 'hello.cjs': 'hello.cjs' } })
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('hello')
  first.child.kill('SIGKILL')
  await first.ended
  await using second = await startGateway({ folder, args: ['--port', String(first.port)] })
  assert.equal((await second.events.ready('hello')).pid, pid)
  await eventually(() => guardians(folder).length === 1, { what: 'one guardian, the new one' })
  assert.ok(isAlive(pid))
})

test('an error of our own that nobody foresaw ends the gateway at once, is on file, and the apps go on with the next', async () => {
  await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
  const text = `import { existsSync } from 'node:fs'
    const timer = setInterval(() => { if (existsSync(${JSON.stringify(folder.path('now'))})) throw new Error('a bug') }, 20)
    timer.unref()
    export default {}`
  await folder.write('gateway.config.ts', text)
  await using first = await startGateway({ folder })
  const { pid } = await first.events.ready('hello')
  await folder.write('now', '')
  const { code } = await first.ended
  assert.equal(code, 1)
  assert.match(first.stderr(), /Quaymaster failed: Error: a bug\n {4}at /)
  await fs.rm(folder.path('now'))
  assert.ok(isAlive(pid))
  const state = await fs.readdir(folder.path('.quaymaster'))
  const [file = ''] = state.filter((it) => it.startsWith('gateway-crash-'))
  assert.match(await fs.readFile(folder.path(`.quaymaster/${file}`), 'utf8'), /^Quaymaster .*\n\nError: a bug\n {4}at /)
  await using second = await startGateway({ folder, args: ['--port', String(first.port)] })
  await second.events.waitFor(
    ({ message }) => /The gateway crashed: Error: a bug\. See /.test(String(message)),
    'word of it',
  )
  assert.equal((await ask(second, '/hello/')).headers['x-pid'], String(pid))
})
