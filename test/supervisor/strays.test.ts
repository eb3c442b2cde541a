import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { findLeft } from '../../src/supervisor/left.ts'
import { lookUp } from '../../src/supervisor/process-table.ts'
import type { Notice } from '../../src/supervisor/notice.ts'
import { endAll } from '../../src/supervisor/strays.ts'
import { isRunning, Stage } from './stage.ts'

const modules = join(import.meta.dirname, '../../src')

/** A gateway in miniature: starts `script` and says which PIDs there are. */
const gateway = `
import { Processes } from '${modules}/supervisor/processes.ts'
import { systemClock } from '${modules}/lib/clock.ts'
const [stateDir, script] = process.argv.slice(2)
const left = { adoptable: [], strays: [], off: [], url: '' }
const processes = new Processes({ stateDir, left, clock: systemClock, report() {}, notice() {},
  urls: () => ({ publicUrl: '', basePath: '' }),
  output: ({ line }) => { if (line.startsWith('pids ')) process.send(line.slice(5).split(' ').map(Number)) } })
const launch = { version: '1', file: '/bin/sh', args: ['-c', script], cwd: '/', source: 'x', env: {}, envFiles: [], uid: null, gid: null, umask: null, listen: 'port' }
processes.spawn({ type: 'spawn', app: 'deaf', run: 1, launch })
`

test('what a killed gateway left is ended, deaf ones and setsid grandchildren too, and nothing else', async () => {
  await using stage = await Stage.open()
  const stateDir = join(stage.dir, 'state')
  const file = join(stage.dir, 'gateway.ts')
  await writeFile(file, gateway)
  const script = 'trap "" TERM; sleep 60 & a=$!; setsid sleep 60 & echo "pids $$ $a $!"; while :; do sleep 1; done'
  const child = fork(file, [stateDir, script], { execArgv: [] })
  const [pids] = (await once(child, 'message')) as [number[]]
  // The shell has spoken before its PID is on file; the marker is already there, which is the harder case.
  child.kill('SIGKILL')
  await once(child, 'exit')
  for (const pid of pids) assert.equal(await isRunning(pid), true)
  assert.equal((await stat(join(stateDir, 'instances.json'))).mode & 0o777, 0o600)
  const notices: string[] = []
  assert.equal(await countEnded(stateDir, (level, message) => notices.push(`${level}: ${message}`)), 1)
  for (const pid of pids) assert.equal(await isRunning(pid), false)
  assert.match(notices[0] ?? '', /^warn: ending deaf, which an earlier gateway left running: .*\(pid \d+\)/)
  assert.equal(await countEnded(stateDir, () => assert.fail()), 0)
})

test('what is on file is left alone while the gateway that wrote it lives, unless it hands it over', async () => {
  await using stage = await Stage.open()
  const stateDir = join(stage.dir, 'state')
  const file = join(stage.dir, 'gateway.ts')
  await writeFile(file, gateway)
  const child = fork(file, [stateDir, 'echo "pids $$"; exec sleep 60'], { execArgv: [] })
  const [[pid = 0]] = (await once(child, 'message')) as [number[]]
  assert.equal(await countEnded(stateDir, () => assert.fail()), 0)
  assert.equal(await isRunning(pid), true)
  await assert.rejects(
    findLeft(stateDir, () => {}),
    new RegExp(`another gateway that still runs \\(PID ${child.pid}\\)`),
  )
  assert.equal((await findLeft(stateDir, () => {}, child.pid)).adoptable.length, 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal((await findLeft(stateDir, () => {})).adoptable.length, 1)
  assert.equal(await countEnded(stateDir, () => {}), 1)
  assert.equal(await isRunning(pid), false)
})

test('a recycled PID, and a record of before a reboot, are never signalled', async () => {
  await using stage = await Stage.open()
  const path = join(stage.dir, 'instances.json')
  const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  const pid = innocent.pid ?? 0
  try {
    const started = lookUp(pid)?.started ?? ''
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim()
    const record = (boot: string, startTime: string | null): string => {
      const one = { app: 'x', run: 1, pid, startTime, marker: '0'.repeat(32), port: 20_000 }
      return JSON.stringify({ boot, instances: [one] })
    }
    for (const text of [record(boot, '1'), record(boot, null), record('another-boot', started)]) {
      await writeFile(path, text)
      assert.equal(await countEnded(stage.dir, () => {}), 0)
      assert.equal(await isRunning(pid), true)
    }
  } finally {
    innocent.kill('SIGKILL')
    await once(innocent, 'exit')
  }
})

test('a record that cannot be read is told of and changes nothing', async () => {
  await using stage = await Stage.open()
  for (const text of [
    '{"boot":',
    '[]',
    '{"boot":"x","instances":[{"pid":-1}]}',
    '{"boot":"x","instances":[{"app":"a","marker":"","pid":1}]}',
  ]) {
    await writeFile(join(stage.dir, 'instances.json'), text)
    const notices: string[] = []
    assert.equal(await countEnded(stage.dir, (_, message) => notices.push(message)), 0)
    assert.match(notices[0] ?? '', /instances\.json.* ignored$/)
  }
  assert.equal(await countEnded(join(stage.dir, 'nowhere'), () => assert.fail()), 0)
})

test('the record holds what lives and nothing is left of it after a clean end', async () => {
  await using stage = await Stage.open()
  const path = join(stage.dir, 'state', 'instances.json')
  const runs = [stage.spawn('sleep 60'), stage.spawn('sleep 60')]
  const { pid, port } = await stage.spawned(runs[0] ?? 0)
  await stage.spawned(runs[1] ?? 0)
  stage.processes.kill(runs[1] ?? 0)
  await stage.exited(runs[1] ?? 0)
  await stage.exited(stage.spawn('true'))
  const { instances } = JSON.parse(await readFile(path, 'utf8'))
  const [one] = instances.filter((one: { run: number }) => one.run === runs[0])
  const { launch, pipes, startTime, marker, born, cgroup, ...rest } = one
  const still = { socket: null, address: null, ending: false, told: null }
  assert.deepEqual(rest, { app: 'app', run: runs[0], pid, port, ...still })
  assert.equal(launch.file, '/bin/sh')
  assert.match(startTime, /\S/)
  assert.ok(born > 0)
  for (const pipe of [pipes.stdout, pipes.stderr]) assert.equal((await stat(pipe)).mode & 0o777, 0o600)
  assert.match(marker, /^[0-9a-f]{32}$/)
  assert.match(cgroup ?? '/quaymaster-', /\/quaymaster-/)
  await stage.processes[Symbol.asyncDispose]()
  await assert.rejects(stat(path), { code: 'ENOENT' })
})

test('a state folder that cannot be written is told of once and keeps nothing from running', async () => {
  await using stage = await Stage.open()
  await writeFile(join(stage.dir, 'state'), 'a file in the way')
  assert.equal((await stage.exited(stage.spawn('exit 4'))).code, 4)
  assert.equal((await stage.exited(stage.spawn('exit 5'))).code, 5)
  assert.equal(stage.notices.length, 2)
  assert.ok(stage.notices.some((it) => /^cannot write .*instances\.json: /.test(it)))
  // Without a named pipe what they say still arrives.
  assert.ok(stage.notices.some((it) => it.startsWith('no named pipes can be made in ')))
})

async function countEnded(stateDir: string, notice: Notice): Promise<number> {
  return (await endAll(stateDir, notice)).length
}
