import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { delegationQuery, isGroupPath, placeIn } from '../../src/supervisor/cgroup-place.ts'
import { Cgroups, dropGroup, killGroup, membersOf } from '../../src/supervisor/cgroups.ts'
import { groupOf, place, unusable } from '../support/cgroups.ts'
import { eventually } from '../support/wait.ts'
import { isRunning, Stage } from './stage.ts'

const top = '24 1 8:1 / / rw - ext4 /dev/sda rw\n'
const unified = '31 24 0:28 / /sys/fs/cgroup rw,nosuid shared:9 master:2 - cgroup2 cgroup2 rw,nsdelegate\n'
const hybrid = `40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`

test('our own group is found where version 2 is mounted, alone, beside version 1, or in part', () => {
  const service = '0::/system.slice/quaymaster.service\n'
  assert.equal(placeIn(service, top + unified), '/sys/fs/cgroup/system.slice/quaymaster.service')
  assert.equal(placeIn('9:name=systemd:/x\n4:memory:/y\n0::/\n', top + hybrid), '/sys/fs/cgroup/unified')
  const inPart = '50 24 0:28 /docker/abc /sys/fs/my\\040groups rw - cgroup2 cgroup2 rw\n'
  assert.equal(placeIn('0::/docker/abc/x\n', inPart), '/sys/fs/my groups/x')
  assert.equal(placeIn('0::/docker/abc\n', inPart), '/sys/fs/my groups')
  assert.equal(placeIn('0::/docker/abcd\n', inPart), null)
})

test('no place is found with version 1 alone, a mount for reading only, and a group that is gone or not ours to see', () => {
  const [first = ''] = hybrid.split('\n')
  assert.equal(placeIn('9:name=systemd:/x\n4:memory:/y\n', top + unified), null)
  assert.equal(placeIn('0::/\n', top + first), null)
  assert.equal(placeIn('0::/\n', unified.replace('rw,nosuid', 'ro,nosuid')), null)
  assert.equal(placeIn('0::/a (deleted)\n', unified), null)
  assert.equal(placeIn('0::/../b\n', unified), null)
  fc.assert(fc.property(fc.string(), fc.string(), (groups, mounts) => void placeIn(groups, mounts)))
})

test('systemd is asked about the innermost unit, and the one of a user about his', () => {
  const asked = (path: string): string | undefined => delegationQuery(path)?.join(' ')
  const rest = 'show --property=Delegate --value --'
  assert.equal(asked('/sys/fs/cgroup/system.slice/quaymaster.service'), `${rest} quaymaster.service`)
  assert.equal(asked('/sys/fs/cgroup/system.slice/quaymaster.service/main'), `${rest} quaymaster.service`)
  const user = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service'
  assert.equal(asked(`${user}/app.slice/quaymaster.service`), `--user ${rest} quaymaster.service`)
  assert.equal(asked(user), `${rest} user@1000.service`)
  assert.equal(asked('/sys/fs/cgroup/user.slice/user-0.slice/session-2.scope'), `${rest} session-2.scope`)
  assert.equal(asked('/sys/fs/cgroup'), undefined)
})

test('nothing but a group of ours is emptied or removed', async () => {
  const ours = '/sys/fs/cgroup/quaymaster-0123456789abcdef'
  assert.ok(isGroupPath(ours))
  for (const not of [
    null,
    undefined,
    7,
    '',
    '/',
    '/sys/fs/cgroup',
    `${ours}/..`,
    `/a/..${ours}`,
    ours.slice(1),
    `${ours}0`,
  ])
    assert.ok(!isGroupPath(not), String(not))
  assert.equal(membersOf('/sys/fs/cgroup').size, 0)
  await killGroup(place)
  await dropGroup(place)
})

test(
  'a child is in its group from its first instruction on, whoever it runs as, and we are where we were',
  { skip: unusable },
  async () => {
    await using stage = await Stage.open()
    const before = groupOf('self')
    const groups = new Set<string>()
    for (const uid of [null, 65_534]) {
      const run = stage.spawn('', { file: '/bin/cat', args: ['/proc/self/cgroup'], cwd: '/', uid })
      assert.equal((await stage.exited(run)).code, 0)
    }
    for (const { line } of stage.lines) if (line.startsWith('0::')) groups.add(line)
    assert.equal(groups.size, 2)
    for (const group of groups) assert.match(group, /^0::\/.*quaymaster-[0-9a-f]{16}$/)
    assert.equal(groupOf('self'), before)
  },
)

test(
  'who leaves group, session, parent and environment at once is a survivor with a name, and gone after the kill',
  { skip: unusable },
  async () => {
    await using stage = await Stage.open()
    const run = stage.spawn(`${escape}; echo "pid $(cat escaped)"; exec sleep 60`)
    const pid = Number((await stage.said(/^pid /)).split(' ')[1])
    const group = groupOf(pid)
    stage.processes.terminate(run)
    await eventually(
      () =>
        stage.processes
          .survivors(run)
          .map((it) => it.pid)
          .join() === String(pid),
      { what: 'one survivor' },
    )
    assert.equal(stage.processes.survivors(run)[0]?.name, 'sleep')
    assert.deepEqual(stage.exits(run), [])
    stage.processes.kill(run)
    await stage.exited(run)
    assert.equal(await isRunning(pid), false)
    await stage.processes[Symbol.asyncDispose]()
    assert.ok(!fs.existsSync(path.join(String(place), path.basename(group))))
  },
)

test('a crash takes with it who has left everything else', { skip: unusable }, async () => {
  await using stage = await Stage.open()
  await stage.exited(stage.spawn(`${escape}; exit 3`))
  assert.equal(await isRunning(Number(fs.readFileSync(path.join(stage.dir, 'escaped'), 'utf8'))), false)
})

test('groups below the one of a run are listed, emptied and removed with it', { skip: unusable }, async () => {
  await using stage = await Stage.open()
  const enter = `g=${place}/$(sed -n 's|^0::.*/||p' /proc/self/cgroup)/inner; mkdir $g`
  const run = stage.spawn(`${enter}; ${escape}; cat escaped >$g/cgroup.procs; echo "group $g"; exec sleep 60`)
  const [, inner = ''] = (await stage.said(/^group /)).split(' ')
  const pid = Number(fs.readFileSync(path.join(stage.dir, 'escaped'), 'utf8'))
  assert.ok(groupOf(pid).endsWith('/inner'))
  assert.ok(membersOf(path.dirname(inner)).has(pid))
  stage.processes.kill(run)
  await stage.exited(run)
  assert.equal(await isRunning(pid), false)
  await stage.processes[Symbol.asyncDispose]()
  assert.ok(!fs.existsSync(path.dirname(inner)))
})

test(
  'empty groups that a dead fleet left vanish at the next start; one with somebody in it stays',
  { skip: unusable },
  async () => {
    const [empty, full] = ['a', 'b'].map((it) => `${place}/quaymaster-${String(process.pid).padStart(15, '0')}${it}`)
    fs.mkdirSync(`${empty}/inner`, { recursive: true })
    fs.mkdirSync(`${full}/inner`, { recursive: true })
    const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' })
    const ended = once(sleeper, 'exit')
    try {
      fs.writeFileSync(`${full}/cgroup.procs`, String(sleeper.pid))
      assert.notEqual(await new Cgroups(() => assert.fail()).choose(), null)
      assert.ok(!fs.existsSync(String(empty)))
      assert.ok(fs.existsSync(`${full}/inner`))
      await killGroup(String(full))
      assert.deepEqual(await ended, [null, 'SIGKILL'])
    } finally {
      sleeper.kill('SIGKILL')
      await dropGroup(String(full))
    }
    assert.ok(!fs.existsSync(String(full)))
  },
)

test('a group that was swept away before anybody was in it is made anew', { skip: unusable }, async () => {
  const cgroups = new Cgroups(() => assert.fail())
  const group = await cgroups.choose()
  await cgroups.ready(group)
  fs.rmdirSync(String(group))
  const child = cgroups.within(group, () => spawn('sleep', ['60'], { stdio: 'ignore' }))
  const ended = once(child, 'exit')
  assert.deepEqual([...membersOf(group)], [child.pid])
  await dropGroup(group)
  assert.deepEqual(await ended, [null, 'SIGKILL'])
})

test(
  'gateways that look for their place at once do not sweep it away under each other',
  { skip: unusable },
  async () => {
    const look = async (after: number): Promise<string | null> => {
      await delay(after)
      return new Cgroups(() => assert.fail()).choose()
    }
    const chosen = await Promise.all(Array.from({ length: 60 }, (_, i) => look(3 * i)))
    assert.ok(!chosen.includes(null))
  },
)

test('of many children that are started at once each is born in its own group', { skip: unusable }, async () => {
  const cgroups = new Cgroups(() => assert.fail())
  const start = async (): Promise<void> => {
    const group = await cgroups.choose()
    await cgroups.ready(group)
    const child = cgroups.within(group, () => spawn('sleep', ['60'], { stdio: 'ignore' }))
    const ended = once(child, 'exit')
    try {
      assert.deepEqual([...membersOf(group)], [child.pid])
    } finally {
      child.kill('SIGKILL')
      await ended
      await dropGroup(group)
    }
  }
  const over = new AbortController()
  const others = async (): Promise<void> => {
    while (!over.signal.aborted) await cgroups.ready()
  }
  const all = async (): Promise<void> => {
    try {
      for (let round = 0; round < 70; round++) await Promise.all([start(), start(), start()])
    } finally {
      over.abort()
    }
  }
  await Promise.all([others(), all()])
})

test('a group that we are in ourselves proves nothing and is not killed', { skip: unusable }, async () => {
  const cgroups = new Cgroups(() => assert.fail())
  const group = await cgroups.choose()
  await cgroups.ready(group)
  const inside = cgroups.within(group, () => {
    // The kill is written before the first wait, or never.
    const killed = killGroup(group)
    return { members: membersOf(group).size, group: groupOf('self'), killed }
  })
  await inside.killed
  assert.ok(inside.group.endsWith(path.basename(String(group))))
  assert.equal(inside.members, 0)
  assert.notEqual(groupOf('self'), inside.group)
  await dropGroup(group)
})

/** `setsid -f` forks as the first thing it does; what it becomes says its PID and stays deaf. */
const escape = `env -i setsid -f /bin/sh -c 'trap "" TERM; echo $$ >escaped; exec sleep 60' </dev/null >/dev/null 2>&1
until [ -s escaped ]; do sleep 0.02; done`
