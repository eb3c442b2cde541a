import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PassThrough } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/lib/clock.ts'
import { Output } from '../../src/supervisor/output.ts'
import { Pace } from '../../src/supervisor/pace.ts'
import { Ring } from '../../src/supervisor/ring.ts'
import { isTelling, saysPortTaken } from '../../src/supervisor/words.ts'
import { Stage } from './stage.ts'

function listen(line: (text: string) => void = () => {}): { output: Output; stdout: PassThrough; stderr: PassThrough } {
  const options = { app: 'a', run: 1, port: 20_000, clock: systemClock, pace: new Pace() }
  const output = new Output({ ...options, line: (one) => line(`${one.stream} ${one.line}`) })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  output.attach(stdout, 'stdout')
  output.attach(stderr, 'stderr')
  return { output, stdout, stderr }
}

test('the last partial line is given, of a stream that ends and of one that somebody holds open', async () => {
  const lines: string[] = []
  const { output, stdout, stderr } = listen((line) => lines.push(line))
  stdout.end('one\ntwo')
  stderr.write('three')
  await output.finish(50)
  assert.deepEqual(lines, ['stdout one', 'stdout two', 'stderr three'])
  assert.equal(stderr.destroyed, true)
})

test('the last line is that of stderr, without the frames that follow it', async () => {
  const { output, stdout, stderr } = listen()
  stdout.end('bye\n')
  stderr.end(`Error: no database\n    at connect (x.js:1:2) {\n  code: 'X'\n}\n\nNode.js v26.10.0\n`)
  await output.finish(50)
  assert.equal(output.lastLine, 'Error: no database')
  const silent = listen()
  silent.stdout.end('only stdout\n\n')
  silent.stderr.end()
  await silent.output.finish(50)
  assert.equal(silent.output.lastLine, 'only stdout')
})

test('a flood is read and dropped: its writer is not blocked, its begin, its share and its last words are kept', async () => {
  await using stage = await Stage.open()
  const begun = performance.now()
  const run = stage.spawn(`echo first; head -c 150000000 /dev/zero | tr '\\0' 'x' | fold -w 79; echo; echo last words`)
  // In processor time of this thread: who else wants the processor is none of our doing.
  let longest = 0
  let before = process.threadCpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before)
    longest = Math.max(longest, (user + system) / 1_000)
    before = process.threadCpuUsage()
  }, 5)
  const rss = process.memoryUsage.rss()
  const exit = await untilExit(stage, run)
  clearInterval(timer)
  assert.equal(exit.code, 0)
  assert.equal(exit.lastLine, 'last words')
  assert.equal(stage.lines[0]?.line, 'first')
  const told = stage.lines.filter((one) => /^… about [\d,]+ lines \(\d.* [MG]B\) dropped/.test(one.line))
  assert.ok(told.length >= 1)
  const dropped = told.reduce((sum, one) => sum + Number(/about ([\d,]+)/.exec(one.line)?.[1]?.replaceAll(',', '')), 0)
  const all = 150_000_000 / 79
  assert.ok(Math.abs(dropped + stage.lines.length - all) < all * 0.05, `${dropped} of ${all} lines`)
  const seconds = (performance.now() - begun) / 1_000
  assert.ok(stage.lines.length < 11_000 + 5_000 * seconds)
  assert.ok(longest < 500, `one turn of the event loop took ${longest} ms`)
  assert.ok(process.memoryUsage.rss() - rss < 200e6)
})

async function untilExit(stage: Stage, run: number): Promise<{ code: number | null; lastLine: string | null }> {
  for (let round = 0; round < 5; round++) {
    const exit = await stage.exited(run).catch(() => null)
    if (exit) return exit
  }
  throw new Error('the flood did not end')
}

test('ten megabytes without a line end, NUL and broken UTF-8 pass in bounded pieces', async () => {
  await using stage = await Stage.open()
  const exit = await stage.exited(
    stage.spawn(`head -c 10000000 /dev/zero | tr '\\0' 'y'; printf '\\na\\000b\\377\\r\\nend'`),
  )
  assert.equal(exit.lastLine, 'end')
  assert.ok(stage.lines.every((one) => one.line.length <= 65_538))
  assert.deepEqual(
    stage.lines.slice(-2).map((one) => one.line),
    ['a\\x00b\ufffd', 'end'],
  )
})

test('many children who talk at once share the time of the event loop', async () => {
  const heard: string[] = []
  const pace = new Pace()
  const talkers = Array.from({ length: 20 }, (_, run) => {
    const options = { app: `a${run}`, run, port: 1, clock: systemClock, pace }
    const output = new Output({ ...options, line: (one) => heard.push(one.app) })
    const stream = new PassThrough({ highWaterMark: 1_000_000 })
    output.attach(stream, 'stdout')
    stream.end('a line like many others\n'.repeat(5_000))
    return output
  })
  let turns = 0
  const count = setInterval(() => turns++, 1)
  await Promise.all(talkers.map((output) => output.finish(5_000)))
  clearInterval(count)
  assert.equal(heard.length, 100_000)
  assert.ok(turns >= 3, `${turns} other turns meanwhile`)
})

test('an observer that is slow costs its child lines, not the gateway its time', async () => {
  let heard = 0
  const { output, stdout, stderr } = listen(() => {
    heard++
    const until = performance.now() + 2
    while (performance.now() < until);
  })
  stderr.end()
  for (let i = 0; i < 20; i++) {
    stdout.write('x\n'.repeat(500))
    await delay(1)
  }
  stdout.end()
  await output.finish(3_000)
  assert.ok(heard < 700, `${heard} of 10000 lines were given`)
})

test('what reading a flood may cost is bounded: the next window is waited for', async () => {
  const pace = new Pace()
  let chunks = 0
  while (pace.mayRead(65_536)) chunks++
  assert.ok(chunks > 5 && chunks < 50, `${chunks} chunks of 64 KiB in 10 ms`)
  await new Promise<void>((resolve) => pace.wait({ work: () => false, resume: resolve }))
  assert.equal(pace.mayRead(65_536), true)
})

test('the ring keeps at most 1000 lines and a million characters', () => {
  const ring = new Ring()
  const line = (text: string) => ({ at: 0, app: 'a', run: 1, stream: 'stdout', line: text }) as const
  for (let i = 0; i < 2_500; i++) ring.push(line(String(i)))
  assert.deepEqual([ring.lines().length, ring.lines()[0]?.line, ring.lines().at(-1)?.line], [1_000, '1500', '2499'])
  for (let i = 0; i < 50; i++) ring.push(line('x'.repeat(65_536)))
  assert.ok(ring.lines().reduce((sum, one) => sum + one.line.length, 0) <= 1024 * 1024)
  assert.equal(ring.lines().at(-1)?.line.length, 65_536)
})

test('the complaint that a port is taken is understood in many languages, when it is about our port', () => {
  const ours = [
    'Error: listen EADDRINUSE: address already in use 127.0.0.1:20000',
    '10:11:12.123 cannot listen: address already in use',
    'OSError: [Errno 98] Address already in use',
    '2026/11/21 10:11:12 listen tcp 127.0.0.1:20000: bind: address already in use',
    'Os { code: 98, kind: AddrInUse, message: "Address already in use" }',
    'java.net.BindException: Address already in use (Bind failed)',
    'bind() to 127.0.0.1:20000 failed (98: Address already in use)',
    'Port 20000 is in use by another program.',
    'bind: Adresse wird bereits verwendet',
    '{error,eaddrinuse}',
  ]
  for (const line of ours) assert.ok(saysPortTaken(line, 20_000), line)
  const others = [
    'Error: listen EADDRINUSE: address already in use :::3000',
    '10:11:12 bind() to 0.0.0.0:80 failed (98: Address already in use)',
    'Port 3000 is already in use',
    'listening on 20000',
    'user name is already in use',
  ]
  for (const line of others) assert.ok(!saysPortTaken(line, 20_000), line)
})

test('stack frames and the ends of dumps tell nothing', () => {
  for (const line of ['', '  at x', '}', 'Node.js v26.1.0', 'main.main()', 'goroutine 1 [running]:']) {
    assert.ok(!isTelling(line), line)
  }
  for (const line of ['ValueError: x', 'panic: oh', 'exit status 2', 'ready.']) assert.ok(isTelling(line), line)
})
