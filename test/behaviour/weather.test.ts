import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import test from 'node:test'
import type { GatewayEvent } from '../support/events.ts'
import { bin, createFolder } from '../support/folder.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { end, isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const isRoot = process.platform === 'linux' && process.getuid?.() === 0

const mount = '/bin/mount'
const umount = '/bin/umount'

const canLimit = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

/** The controller of process numbers, cgroup v1. */
const pids = '/sys/fs/cgroup/pids'

test('idle clients cannot take the last open files: apps stay, requests are served, and it is said once', async (t) => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': 'hello.cjs' },
    config: { defaults: { health: { interval: '200ms' } } },
    command: shell('ulimit -n 200'),
  })
  const { pid } = await gateway.events.ready('hello')
  const sockets = Array.from({ length: 250 }, () => net.connect(gateway.port, '127.0.0.1').on('error', () => {}))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  await eventually(() => notices(gateway, /open files/).length > 0, { what: 'the complaint' })
  const agents = Array.from({ length: 20 }, () => ask(gateway, '/hello/'))
  for (const answer of await Promise.all(agents)) assert.equal(answer.status, 200)
  // Something new can start meanwhile, and the old one is not taken for ill.
  await gateway.folder.put('second.cjs', 'hello.cjs')
  await gateway.events.ready('second')
  const { falls, instances } = await gateway.app('hello')
  assert.deepEqual([falls.total, instances[0]?.pid], [0, pid])
  assert.equal(notices(gateway, /open files/).length, 1)
  assert.match(notices(gateway, /open files/)[0] ?? '', /limit of 200 open files.*raise `ulimit -n`/)
})

test(
  'a full disk and one that became read-only stop nothing that runs or has to run again',
  {
    skip: isRoot ? false : 'needs root, for a small file system',
  },
  async (t) => {
    for (const trouble of ['full', 'read-only']) {
      await t.test(trouble, async () => {
        await using folder = await createFolder({ apps: { 'hello.cjs': 'hello.cjs' } })
        const state = folder.path('.quaymaster')
        fs.mkdirSync(state, { mode: 0o700 })
        execFileSync(mount, ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', state])
        try {
          await using gateway = await startGateway({ folder })
          const first = await gateway.events.ready('hello')
          const since = gateway.events.mark()
          const fill = `${state}/fill`
          if (trouble === 'full') assert.throws(() => fs.writeFileSync(fill, Buffer.alloc(2 ** 21)), /ENOSPC/)
          else coverReadOnly(state)
          end(first.pid)
          await gateway.events.ready('hello', { since })
          await folder.put('tool', { text: fs.readFileSync('/bin/true'), mode: 0o755 })
          const told = (event: GatewayEvent): boolean => event.name === 'tool' && event.state === 'refused'
          const refused = await gateway.events.waitFor(told, 'the refusal of a copy')
          assert.match(String(refused['reason']), trouble === 'full' ? /no space left on the disk/ : /read-only/)
          assert.equal((await ask(gateway, '/hello/')).status, 200)
          assert.ok(notices(gateway, /instances\.json/).length <= 1)
          // What runs is not on file: who took over would not find it.
          const { code, stderr } = await folder.cli('upgrade')
          assert.equal(code, 1, stderr)
          assert.match(stderr, /cannot write \S+instances\.json: /)
          assert.equal((await ask(gateway, '/hello/')).status, 200)
          if (trouble === 'full') fs.rmSync(fill)
          else execFileSync(umount, ['-l', state])
          await gateway.events.waitFor(({ name, state }) => name === 'tool' && state === 'starting', 'another try')
          assert.equal(gateway.events.seen.filter(told).length, 1)
        } finally {
          for (let left = true; left;) left = spawnSync(umount, ['-l', state]).status === 0
        }
      })
    }
  },
)

test(
  'an app that the system has no process for is marked with the cause and tried again, the others serve',
  {
    skip: isRoot && fs.existsSync(pids) ? false : 'needs root and the pids controller, to limit the gateway',
  },
  async () => {
    const group = `${pids}/quaymaster-test-${process.pid}`
    await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
    const { pid } = await gateway.events.ready('hello')
    fs.mkdirSync(group)
    try {
      fs.writeFileSync(`${group}/cgroup.procs`, String(gateway.pid))
      fs.writeFileSync(`${group}/pids.max`, '1')
      await gateway.folder.put('second.cjs', 'hello.cjs')
      const fell = ({ name, state }: GatewayEvent): boolean => name === 'second' && state === 'fell'
      const first = await gateway.events.waitFor(fell, 'the fall')
      assert.match(String(first['reason']), /no room for another process.*EAGAIN/)
      const answer = await ask(gateway, '/hello/')
      assert.equal(answer.headers['x-pid'], String(pid))
      fs.writeFileSync(`${group}/pids.max`, 'max')
      await gateway.events.ready('second')
    } finally {
      for (const line of fs.readFileSync(`${group}/cgroup.procs`, 'latin1').split('\n')) {
        if (line !== '') fs.writeFileSync(`${pids}/cgroup.procs`, line)
      }
      fs.rmdirSync(group)
    }
  },
)

test('a gateway that did not run for a while takes nobody for ill or late because of it', async () => {
  const health = { path: '/?ms=300', interval: '10ms', timeout: '1s', misses: 1 }
  await using gateway = await startGateway({
    apps: { 'steady.cjs': 'slow-response.cjs' },
    config: { apps: { steady: { health }, slow: { health: { boot: '3s' } } } },
  })
  const { pid } = await gateway.events.ready('steady')
  await gateway.folder.put('slow.cjs', 'slow-boot.cjs')
  const born = ({ name, state }: GatewayEvent): boolean => name === 'slow' && state === 'starting'
  await gateway.events.waitFor(born, 'the start')
  end(gateway.pid, 'SIGSTOP')
  // Longer than every deadline of both: there is no event to wait for while the one who tells of them is stopped.
  await new Promise((resolve) => setTimeout(resolve, 3_500))
  end(gateway.pid, 'SIGCONT')
  await gateway.events.ready('slow')
  const { falls, instances } = await gateway.app('steady')
  assert.deepEqual([falls.total, instances[0]?.pid], [0, pid])
  assert.equal((await gateway.app('slow')).falls.total, 0)
})

test(
  'a gateway without a free descriptor takes no adopted app for dead, and one that is to end then ends afterwards',
  { skip: canLimit ? false : 'needs prlimit' },
  async () => {
    const stop = { drain: '10ms', grace: '100ms' }
    await using folder = await createFolder({
      apps: { 'hello.cjs': 'hello.cjs', 'leaving.cjs': 'hello.cjs' },
      config: { apps: { leaving: { stop } } },
    })
    const first = await startGateway({ folder })
    const { pid } = await first.events.ready('hello')
    const leaving = await first.events.ready('leaving')
    await first.stop('SIGKILL')
    await using gateway = await startGateway({ folder, args: ['--port', String(first.port)] })
    await gateway.events.ready('hello')
    await gateway.events.ready('leaving')
    const since = gateway.events.mark()
    const unlimit = limitFiles(gateway)
    await folder.remove('leaving.cjs')
    const ends = ({ name, state }: GatewayEvent): boolean => name === 'leaving' && state === 'killing'
    await gateway.events.waitFor(ends, 'the end of its grace', { since })
    // Several looks at each: there is nothing to wait for that does not happen.
    await new Promise((resolve) => setTimeout(resolve, 500))
    assert.ok(isAlive(leaving.pid), 'it could be signalled: this shows nothing')
    unlimit()
    await eventually(() => !isAlive(leaving.pid), { what: 'the end of what was removed' })
    const answer = await ask(gateway, '/hello/')
    assert.equal(answer.headers['x-pid'], String(pid))
    const { falls, instances } = await gateway.app('hello')
    assert.deepEqual([falls.total, instances.map((it) => it.pid)], [0, [pid]])
  },
)

/** Leaves a gateway no descriptor to open anything with, until what it returns is called. */
function limitFiles({ pid }: Gateway): () => void {
  const limit = ['--pid', String(pid)]
  const words = execFileSync('prlimit', [...limit, '--nofile', '-o', 'SOFT,HARD', '--noheadings'], { encoding: 'utf8' })
  const [soft, hard] = words.trim().split(/\s+/)
  execFileSync('prlimit', [...limit, `--nofile=3:${hard}`])
  return () => void execFileSync('prlimit', [...limit, `--nofile=${soft}:${hard}`])
}

/** A second, read-only mount in front of a folder: what was opened before stays writable, as when a disk fails. */
function coverReadOnly(folder: string): void {
  execFileSync(mount, ['--bind', folder, folder])
  execFileSync(mount, ['-o', 'remount,bind,ro', folder])
}

function shell(first: string): readonly string[] {
  return ['/bin/bash', '-c', `${first}; exec "$@"`, 'sh', process.execPath, bin, 'up']
}

function notices(gateway: Gateway, pattern: RegExp): string[] {
  return gateway.events.seen
    .filter(({ event, message }) => event === 'notice' && pattern.test(String(message)))
    .map(({ message }) => String(message))
}
