import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseMarker, parsePs, parseStat, ProcessTable, type ProcessEntry } from '../../src/supervisor/process-table.ts'
import { findMembers, ProcessTree, type Hints } from '../../src/supervisor/process-tree.ts'
import { isRunning } from './stage.ts'

const marker = '0123456789abcdef0123456789abcdef'

test('/proc/PID/stat is read although a name may hold spaces, parentheses and line ends', () => {
  const rest = 'S 41 42 43 0 -1 4194304 103 0 0 0 0 0 0 0 20 0 1 0 132868 3133440 418'
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 15 }), (name) => {
      const entry = { pid: 7, started: '132868', ppid: 41, group: 42, session: 43, name, zombie: false }
      assert.deepEqual(parseStat(`7 (${name}) ${rest}\n`), entry)
    }),
  )
  assert.equal(parseStat(`7 (evil) Z 1 1 1 (x) ${rest}`)?.ppid, 41)
})

test('nothing but a whole /proc/PID/stat is taken for one', () => {
  for (const text of ['', '7', '7 (x', 'x) (7', '7 (x) S 1', '0 (x) S', '(x) S 1 2 3'])
    assert.equal(parseStat(text), null)
})

test('a zombie has ended, unless it is a leading thread whose other threads live on', () => {
  const stat = (state: string, threads: number): string =>
    `7 (x) ${state} 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 ${threads} 0 99 0 0`
  assert.equal(parseStat(stat('Z', 1))?.zombie, true)
  assert.equal(parseStat(stat('Z', 4))?.zombie, false)
  assert.equal(parseStat(stat('S', 1))?.zombie, false)
})

test('the marker is a whole variable of the environment', () => {
  assert.equal(parseMarker(`A=1\0QUAYMASTER_INSTANCE=${marker}\0B=2\0`), marker)
  assert.equal(parseMarker(`QUAYMASTER_INSTANCE=${marker}`), marker)
  assert.equal(parseMarker(`A=QUAYMASTER_INSTANCE=${marker}\0`), null)
  assert.equal(parseMarker(''), null)
})

test('a line of ps is read, with its five words of date', () => {
  assert.deepEqual(parsePs('  812   1   812      0 Ss   Sat Nov 21 10:00:00 2026     /usr/libexec/some daemon'), {
    pid: 812,
    started: 'Sat Nov 21 10:00:00 2026',
    ppid: 1,
    group: 812,
    session: 0,
    name: '/usr/libexec/some daemon',
    zombie: false,
  })
  assert.equal(parsePs('garbage'), null)
})

test('a tree is the union of known members, group, session, children and the marker', () => {
  const found = members([
    entry(100, { group: 100, session: 100 }),
    entry(101, { ppid: 100, group: 100, session: 100 }),
    entry(102, { ppid: 100, group: 102, session: 102 }),
    entry(103, { ppid: 102, group: 102, session: 102 }),
    entry(104, { ppid: 1, group: 104, session: 100 }),
    entry(105, { ppid: 1, group: 105, session: 105, name: 'marked' }),
    entry(106, { ppid: 105, group: 106, session: 106 }),
    entry(107, { ppid: 1, group: 107, session: 107, name: 'stranger' }),
  ])
  assert.deepEqual(found, [100, 101, 102, 103, 104, 105, 106])
})

test('who is in the control group is a member, with all children, whatever else they have left', () => {
  const found = members(
    [
      entry(100, { group: 100, session: 100 }),
      entry(108, { ppid: 1, group: 108, session: 108 }),
      entry(109, { ppid: 108, group: 109, session: 109 }),
      entry(110, { ppid: 1, group: 110, session: 110 }),
    ],
    { confined: new Set([100, 108, 111]) },
  )
  assert.deepEqual(found, [100, 108, 109])
})

test('init, ourselves and whoever is older than the root are never members', () => {
  const found = members([
    entry(100, { group: 100, session: 100 }),
    entry(1, { ppid: 100, group: 100, session: 100, name: 'marked' }),
    entry(process.pid, { ppid: 100, group: 100, session: 100, name: 'marked' }),
    entry(90, { ppid: 100, group: 100, session: 100, started: '4999', name: 'marked' }),
  ])
  assert.deepEqual(found, [100])
})

test('a PID with another start time is somebody else', () => {
  const recycled = [entry(100, { started: '9000', group: 100, session: 100 }), entry(101, { ppid: 100, group: 100 })]
  assert.deepEqual(members(recycled, { trustGroup: false }), [])
})

test("a group's number proves nothing once the root is gone, unless a member proves the group", () => {
  const group = { ppid: 1, group: 100, session: 100 }
  assert.deepEqual(members([entry(101, group), entry(102, group)], { trustGroup: false }), [])
  assert.deepEqual(
    members([entry(101, { ...group, name: 'marked' }), entry(102, group)], { trustGroup: false }),
    [101, 102],
  )
})

test('a real process whose recorded start time is another is neither seen nor signalled', async () => {
  const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  const pid = innocent.pid ?? 0
  try {
    const tree = new ProcessTree(new ProcessTable(), { pid, started: '1', marker, cgroup: null })
    assert.deepEqual(await tree.terminate(), [])
    assert.deepEqual(await tree.kill(), [])
    assert.deepEqual(tree.remaining(), [])
    assert.equal(await isRunning(pid), true)
  } finally {
    innocent.kill('SIGKILL')
    await once(innocent, 'exit')
  }
})

test('a PID that was given away between the look and the signal is not signalled', async () => {
  const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  const pid = innocent.pid ?? 0
  try {
    const before = entry(pid, { started: '5000' })
    const table = { scan: async () => new Map([[pid, before]]), markerOf: () => null }
    const tree = new ProcessTree(table, { pid, started: '5000', marker, cgroup: null })
    assert.equal((await tree.terminate()).length, 1)
    assert.equal((await tree.kill()).length, 1)
    assert.deepEqual(tree.remaining(), [])
    assert.equal(await isRunning(pid), true)
  } finally {
    innocent.kill('SIGKILL')
    await once(innocent, 'exit')
  }
})

test('concurrent looks share one scan, and each is answered by a scan that began after it', async () => {
  const table = new ProcessTable()
  const [a, b] = await Promise.all([table.scan(), table.scan()])
  assert.equal(a, b)
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  assert.ok((await table.scan()).has(child.pid ?? 0))
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.ok(!(await table.scan()).has(child.pid ?? 0))
})

function entry(pid: number, more: Partial<ProcessEntry>): ProcessEntry {
  return { pid, started: '5000', ppid: 1, group: pid, session: pid, name: 'x', zombie: false, ...more }
}

function members(entries: readonly ProcessEntry[], more: Partial<Hints> = {}): number[] {
  const found = findMembers(new Map(entries.map((one) => [one.pid, one])), {
    marker,
    group: 100,
    since: 5_000,
    known: new Map([[100, '5000']]),
    trustGroup: true,
    confined: new Set(),
    markerOf: (one) => (one.name === 'marked' ? marker : null),
    ...more,
  })
  return [...found.keys()].sort((a, b) => a - b)
}
