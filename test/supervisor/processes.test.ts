import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { place } from '../support/cgroups.ts'
import { patience } from '../support/wait.ts'
import { isRunning, Stage } from './stage.ts'

test('a child is reported as spawned with a port it is told, and as exited once, with its code', async () => {
  await using stage = await Stage.open()
  const run = stage.spawn('echo "port $PORT"; exit 7')
  const { port, pid } = await stage.spawned(run)
  const exit = await stage.exited(run)
  assert.deepEqual(exit, {
    code: 7,
    signal: null,
    error: null,
    lastLine: `port ${port}`,
    portTaken: false,
    outOfMemory: false,
    memory: null,
  })
  assert.equal(await isRunning(pid), false)
  assert.equal(stage.exits(run).length, 1)
})

test('a run that has begun when everything is let go is either on file with its PID or never started', async () => {
  // Between the two ends a start takes some milliseconds, most of them at the first pipes.
  for (const wait of [0, 0, 1, 2, 4, 8, 12, 16, 20, 30]) {
    await using stage = await Stage.open()
    const run = stage.spawn('exec sleep 30')
    if (wait > 0) await delay(wait)
    await stage.processes.letGo()
    const roll = JSON.parse(readFileSync(join(stage.dir, 'state', 'instances.json'), 'utf8')) as {
      instances: { run: number; pid: number | null }[]
    }
    const pid = roll.instances.find((one) => one.run === run)?.pid ?? null
    if (pid !== null) process.kill(-pid, 'SIGKILL')
    await stage.exited(run)
    const spawned = stage.reports.find((it) => it.type === 'spawned')
    assert.equal(spawned?.pid ?? null, pid)
  }
})

test('{port} is replaced in the arguments', async () => {
  await using stage = await Stage.open()
  const run = stage.spawn('', { file: '/bin/echo', args: ['--listen=127.0.0.1:{port}', '{port}'] })
  const { port } = await stage.spawned(run)
  assert.equal((await stage.exited(run)).lastLine, `--listen=127.0.0.1:${port} ${port}`)
})

test('whatever keeps a file from starting is an exit with one sentence', async () => {
  await using stage = await Stage.open()
  const plain = join(stage.dir, 'plain')
  writeFileSync(plain, '#!/bin/sh\n', { mode: 0o644 })
  const orphan = await stage.file('orphan', '#!/no/such/interpreter\n')
  const cases: [Parameters<Stage['spawn']>[1], RegExp][] = [
    [{ file: join(stage.dir, 'missing'), args: [] }, /^cannot start apps\/app: .*missing does not exist$/],
    [{ file: 'no-such-program-here', args: [] }, /no-such-program-here was not found in PATH$/],
    [{ file: plain, args: [] }, /permission denied \(EACCES\)$/],
    [{ file: orphan, args: [] }, /the interpreter or loader it asks for does not exist$/],
    [{ cwd: join(stage.dir, 'nowhere') }, /its working folder .*nowhere does not exist$/],
    [{ env: { BAD: 'nul\0inside' } }, /^cannot start apps\/app: /],
    [{ envFiles: [stage.dir] }, /cannot read the env file .*: not a regular file$/],
  ]
  for (const [launch, expected] of cases) {
    const exit = await stage.exited(stage.spawn('true', launch))
    assert.match(exit.error ?? '', expected)
    assert.deepEqual([exit.code, exit.signal], [null, null])
  }
})

test('a file that is still open for writing makes spawn throw, which is an exit with a cause', async () => {
  await using stage = await Stage.open()
  const file = join(stage.dir, 'busy')
  writeFileSync(file, readFileSync('/bin/true'), { mode: 0o755 })
  const writer = openSync(file, 'r+')
  const busy = await stage.exited(stage.spawn('', { file, args: [] }))
  assert.match(busy.error ?? '', /still open for writing \(ETXTBSY\)$/)
  closeSync(writer)
  assert.equal((await stage.exited(stage.spawn('', { file, args: [] }))).code, 0)
})

test('stopping ends the whole tree: children, setsid grandchildren and double forks, also deaf ones', async () => {
  await using stage = await Stage.open()
  const deaf = await stage.file('deaf.py', deafTree)
  const run = stage.spawn(`exec python3 ${deaf}`)
  const pids = (await stage.said(/^pids /)).split(' ').slice(1).map(Number)
  assert.equal(pids.length, 5)
  stage.processes.terminate(run)
  await stage.said(/^deaf to 15/)
  assert.deepEqual(stage.exits(run), [])
  const survivors = stage.processes.survivors(run).map((one) => one.pid)
  assert.deepEqual(new Set(survivors), new Set(pids))
  stage.processes.kill(run)
  assert.equal((await stage.exited(run)).signal, 'SIGKILL')
  for (const pid of pids) assert.equal(await isRunning(pid), false, `pid ${pid}`)
  assert.deepEqual(stage.processes.survivors(run), [])
})

test('a stopped run is over only when its last descendant is', async () => {
  await using stage = await Stage.open()
  const late = await stage.file('late.py', politeParentLateChild)
  const run = stage.spawn(`exec python3 ${late}`)
  const child = Number((await stage.said(/^child /)).split(' ')[1])
  stage.processes.terminate(run)
  await stage.said(/^going slowly/)
  assert.equal((await stage.exited(run)).code, 0)
  assert.equal(await isRunning(child), false)
  assert.ok(stage.lines.some((one) => one.line === 'gone slowly'))
})

test('SIGTERM reaches each member once, and a stopped process is woken for it', async () => {
  await using stage = await Stage.open()
  const counting = await stage.file('counting.py', counts)
  const run = stage.spawn(`exec python3 ${counting}`)
  await stage.said(/^ready/)
  const { pid } = await stage.spawned(run)
  process.kill(pid, 'SIGSTOP')
  stage.processes.terminate(run)
  stage.processes.terminate(run)
  const exit = await stage.exited(run)
  assert.equal(exit.code, 0)
  assert.equal(exit.lastLine, 'terms 1')
})

test('a crash takes the rest of the tree with it and is told at once', async () => {
  await using stage = await Stage.open()
  const crash = await stage.file('crash.py', crashWithRelatives)
  const run = stage.spawn(`exec python3 ${crash}`)
  const [, at, ...pids] = (await stage.said(/^crash /)).split(' ').map(Number)
  const exit = await stage.exited(run)
  assert.equal(exit.code, 3)
  // Its relatives hold its stdout open for a minute.
  assert.ok(Date.now() - (at ?? 0) < patience, 'told promptly')
  assert.equal(pids.length, 2)
  for (const pid of pids) assert.equal(await isRunning(pid), false, `pid ${pid}`)
})

test('a stranger who holds the pipe open does not keep an exit back', async () => {
  await using stage = await Stage.open()
  // A cleared environment, setsid, a double fork and, where there is one, out of the control group: nothing leads there.
  const out = place === null ? '/dev/null' : join(place, 'cgroup.procs')
  const run = stage.spawn(`python3 -c '${escapee}' ${out} & until [ -s escaped ]; do sleep 0.02; done; printf partial`)
  await stage.exited(run)
  const pid = Number(readFileSync(join(stage.dir, 'escaped'), 'utf8'))
  try {
    assert.equal((await stage.exited(run)).lastLine, 'partial')
    assert.equal(await isRunning(pid), true)
  } finally {
    process.kill(pid, 'SIGKILL')
  }
})

test('terminate and kill before the child exists keep it from starting', async () => {
  await using stage = await Stage.open()
  const runs = [stage.spawn('echo started; sleep 30'), stage.spawn('echo started; sleep 30')]
  stage.processes.terminate(runs[0] ?? 0)
  stage.processes.kill(runs[1] ?? 0)
  for (const run of runs) {
    await stage.exited(run)
    assert.equal(stage.exits(run).length, 1)
  }
  assert.equal(stage.lines.length, 0)
})

test('a kill in the middle of a start leaves nobody', async () => {
  await using stage = await Stage.open()
  const runs: number[] = []
  for (let delay = 0; delay < 20; delay++) {
    const run = stage.spawn('sleep 30 & sleep 30')
    setTimeout(() => stage.processes.kill(run), delay)
    runs.push(run)
  }
  for (const run of runs) await stage.exited(run)
  for (const event of stage.reports) if (event.type === 'spawned') assert.equal(await isRunning(event.pid), false)
  assert.equal(stage.reports.filter((event) => event.type === 'exited').length, 20)
})

test('dispose kills what is left, twice is harmless, and a later spawn is refused', async () => {
  const stage = await Stage.open()
  const run = stage.spawn('trap "" TERM; echo up; while :; do sleep 1; done')
  await stage.said(/^up/)
  const { pid } = await stage.spawned(run)
  await stage.processes[Symbol.asyncDispose]()
  assert.equal(await isRunning(pid), false)
  assert.equal(stage.exits(run).length, 1)
  const late = stage.spawn('sleep 30')
  assert.match((await stage.exited(late)).error ?? '', /stopped before it was started/)
  await stage[Symbol.asyncDispose]()
})

test('the child gets its umask, its working folder and a session of its own', async () => {
  await using stage = await Stage.open()
  const run = stage.spawn('umask; pwd; echo "$0"; : > made; ps -o sid= -p $$', { umask: 0o027 })
  const { pid } = await stage.spawned(run)
  assert.equal((await stage.exited(run)).code, 0)
  const words = stage.lines.map((one) => one.line.trim())
  assert.deepEqual(words, ['0027', stage.dir, '/bin/sh', String(pid)])
  assert.equal((await stat(join(stage.dir, 'made'))).mode & 0o777, 0o640)
})

test('env files are read at every start and a variable that left them is really gone', async () => {
  await using stage = await Stage.open()
  const envFiles = [join(stage.dir, '.env'), join(stage.dir, '.env.missing')]
  writeFileSync(envFiles[0] ?? '', 'GREETING="hello there"\nPORT=3000\n')
  await stage.exited(stage.spawn('echo "greeting=$GREETING port=$PORT"', { envFiles }))
  await rm(envFiles[0] ?? '')
  await stage.exited(stage.spawn('echo "greeting=$GREETING port=$PORT"', { envFiles }))
  assert.match(stage.lines[0]?.line ?? '', /^greeting=hello there port=(?!3000)\d+$/)
  assert.match(stage.lines[1]?.line ?? '', /^greeting= port=\d+$/)
  assert.deepEqual(
    stage.notices.map((text) => text.replace(/\d+$/, 'N')),
    ['app: PORT of its env files is not used, the gateway sets PORT=N'],
  )
})

test('an app keeps its last lines until it is forgotten', async () => {
  await using stage = await Stage.open()
  await stage.exited(stage.spawn('i=0; while [ $i -lt 1500 ]; do echo $i; i=$((i+1)); done'))
  const recent = stage.processes.recent('app')
  assert.equal(recent.length, 1_000)
  assert.equal(recent.at(-1)?.line, '1499')
  stage.processes.forget('app')
  assert.deepEqual(stage.processes.recent('app'), [])
})

const fork = `
import os, signal, sys, time
def say(*words): os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def branch(work):
    pid = os.fork()
    if pid == 0:
        try: work()
        finally: os._exit(0)
    return pid
`

const deafTree = `${fork}
r, w = os.pipe()
def deaf():
    signal.signal(signal.SIGTERM, lambda number, frame: say('deaf to', number))
    os.write(w, b'%d ' % os.getpid())
    while True: time.sleep(60)
def daemon():
    os.setsid()
    branch(deaf)
branch(deaf)
branch(lambda: (os.setsid(), deaf()))
os.waitpid(branch(daemon), 0)
branch(lambda: (os.setpgid(0, 0), deaf()))
seen = []
while len(seen) < 4: seen += [int(one) for one in os.read(r, 4096).split()]
signal.signal(signal.SIGTERM, lambda number, frame: say('deaf to', number))
say('pids', os.getpid(), *seen)
while True: time.sleep(60)
`

const politeParentLateChild = `${fork}
def late(*_):
    say('going slowly')
    time.sleep(0.3)
    say('gone slowly')
    os._exit(0)
def child():
    os.setsid()
    signal.signal(signal.SIGTERM, late)
    say('child', os.getpid())
    while True: time.sleep(60)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
branch(child)
while True: time.sleep(60)
`

const counts = `${fork}
terms = 0
def count(*_):
    global terms
    terms += 1
signal.signal(signal.SIGTERM, count)
say('ready')
while terms == 0: signal.pause()
time.sleep(0.2)
say('terms', terms)
`

const crashWithRelatives = `${fork}
a = branch(lambda: (os.setsid(), time.sleep(60)))
r, w = os.pipe()
def middle():
    os.setsid()
    os.write(w, b'%d' % branch(lambda: time.sleep(60)))
os.waitpid(branch(middle), 0)
say('crash', int(time.time() * 1000), a, int(os.read(r, 32)))
os._exit(3)
`

const escapee = `
import os, sys
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
with open(sys.argv[1], "w") as file: file.write("0")
os.execve("/usr/bin/env", ["env", "-i", "/bin/sh", "-c", "echo $$ >escaped; exec sleep 60"], {})
`
