import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import {
  appendFile,
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { systemClock } from '../../src/lib/clock.ts'
import { openIntake } from '../../src/supervisor/intake.ts'
import type { IntakeEvent } from '../../src/supervisor/register.ts'
import { quietBase } from '../../src/supervisor/settle.ts'
import { patience } from '../support/wait.ts'
import { brief, openBench, settingsOf, shellScript } from './intake-bench.ts'

const run = promisify(execFile)

test('an executable that is dropped is offered from a hidden copy beside it', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  const { launch, settings } = await bench.offered('hello')
  assert.equal(settings.name, 'hello')
  assert.equal(path.dirname(launch.file), bench.appsDir)
  assert.match(path.basename(launch.file), /^\.quay-[0-9a-f]{8}-hello$/)
  assert.equal(await readFile(launch.file, 'utf8'), shellScript)
  assert.equal((await stat(launch.file)).mode & 0o777, 0o500)
  assert.equal(launch.cwd, bench.appsDir)
  assert.equal(launch.source, file)
  assert.match(launch.version, /^[0-9a-f]{12}$/)
  assert.deepEqual(bench.events.map(brief), ['settling hello', `offered hello ${launch.version}`])
})

test('what lay there before the start and is old is offered without waiting for rest', async () => {
  // Ten seconds later, without waiting for them.
  const clock = { now: () => systemClock.now(), wall: () => Date.now() + 10_000 }
  const before = (appsDir: string): Promise<void> => {
    return writeFile(path.join(appsDir, 'hello.sh'), shellScript, { mode: 0o755 })
  }
  const took: number[] = []
  // Whoever waits for rest never needs less than that; whoever does not may be kept by others who run here.
  while (!took.some((ms) => ms < quietBase)) {
    assert.ok(took.length < 20, `took ${took.join(', ')} ms`)
    await using bench = await openBench({ clock, before })
    const startedAt = performance.now()
    await bench.offered('hello')
    took.push(performance.now() - startedAt)
  }
})

test('one that has let go looks at nothing any more and writes nothing down, while another one does', async () => {
  await using bench = await openBench({ pollEvery: 50 })
  const { appsDir, stateDir, intake } = bench
  await bench.drop('first', shellScript)
  await bench.offered('first')
  await intake.letGo()
  const said = bench.events.length
  const { promise: offered, resolve } = Promise.withResolvers<void>()
  const names = new Set(['second', 'third'])
  const emit = (event: IntakeEvent): void => {
    if (event.type === 'offered') names.delete(event.app)
    if (names.size === 0) resolve()
  }
  await using heir = await openIntake({
    appsDir,
    stateDir,
    emit,
    clock: systemClock,
    settings: settingsOf({}),
    notice: () => {},
  })
  await bench.drop('second', shellScript)
  await bench.drop('third', shellScript)
  await offered
  assert.equal(heir.archive.list('third').length, 1)
  assert.deepEqual(bench.events.slice(said).map(brief), [])
  assert.deepEqual(intake.archive.list('third'), [])
})

test('a script keeps what lies beside it: relative imports and $0 work from the copy', async () => {
  await using bench = await openBench()
  await writeFile(path.join(bench.appsDir, 'lib.js'), 'exports.word = "from the library"\n')
  await bench.drop('hello.cjs', '#!/usr/bin/env node\nconsole.log(require("./lib.js").word)\n')
  await writeFile(path.join(bench.appsDir, 'greeting.txt'), 'from the file\n')
  await bench.drop('shell.sh', '#!/bin/sh\ncat "$(dirname "$0")/greeting.txt"\n')
  const hello = await bench.offered('hello')
  const shell = await bench.offered('shell')
  assert.equal((await run(hello.launch.file)).stdout, 'from the library\n')
  assert.equal((await run(shell.launch.file)).stdout, 'from the file\n')
  assert.deepEqual(new Set(bench.events.map((it) => it.app)), new Set(['hello', 'shell']))
})

test('a binary runs from the state folder, and overwriting the original does not touch what runs', async () => {
  await using bench = await openBench()
  const file = path.join(bench.appsDir, 'sleepy')
  await copyFile('/bin/sleep', file)
  await chmod(file, 0o755)
  const first = await bench.offered('sleepy')
  assert.ok(first.launch.file.startsWith(path.join(bench.stateDir, 'versions', 'sleepy')))
  assert.equal(path.basename(first.launch.file), 'sleepy')
  const child = spawn(first.launch.file, ['60'])
  try {
    const mark = bench.mark()
    // In place: would be ETXTBSY if the child ran from this very file.
    await copyFile('/bin/echo', file)
    const second = await bench.offered('sleepy', mark)
    assert.notEqual(second.launch.version, first.launch.version)
    assert.equal(child.exitCode, null)
    assert.equal((await run(second.launch.file, ['hi'])).stdout, 'hi\n')
    assert.equal((await run(first.launch.file, ['0'])).stdout, '')
  } finally {
    child.kill('SIGKILL')
  }
})

test('the same bytes again are the same version and nothing is said', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  await bench.offered('hello')
  const mark = bench.mark()
  await writeFile(path.join(bench.appsDir, '.incoming'), shellScript, { mode: 0o755 })
  await rename(path.join(bench.appsDir, '.incoming'), file)
  await utimes(file, new Date(), new Date())
  await bench.drop('other', shellScript)
  await bench.offered('other')
  assert.deepEqual(
    bench.events.slice(mark).filter((it) => it.app === 'hello'),
    [],
  )
})

test('a file that is written slowly is offered once, when it is whole', async () => {
  await using bench = await openBench()
  const program = await readFile('/bin/sleep')
  const handle = await open(path.join(bench.appsDir, 'slow'), 'w', 0o755)
  const step = Math.ceil(program.length / 8)
  for (let at = 0; at < program.length; at += step) {
    await handle.write(program.subarray(at, at + step))
    await sleep(60)
  }
  const wholeAt = bench.mark()
  await handle.close()
  await bench.offered('slow')
  assert.deepEqual(bench.events.slice(0, wholeAt).map(brief), ['settling slow'])
  assert.equal(bench.events.filter((it) => it.type === 'offered').length, 1)
  assert.equal(bench.events.filter((it) => it.type === 'refused').length, 0)
})

test('a writer that pauses far longer than any quiet is waited for, as long as it holds the file open', async (t) => {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return t.diagnostic('no way to find writers here')
  await using bench = await openBench()
  const half = '#!/bin/sh\n'
  const writer = spawn('sh', [
    '-c',
    `exec 3> "$1"; chmod +x "$1"; printf '${half.replace('\n', '\\n')}' >&3; read go; echo 'exec sleep 60' >&3`,
    'sh',
    path.join(bench.appsDir, 'slow'),
  ])
  try {
    await bench.until((it) => it.type === 'settling')
    await sleep(1_300)
    assert.deepEqual(bench.events.map(brief), ['settling slow'])
    writer.stdin.end('\n')
    const { launch } = await bench.offered('slow')
    assert.equal(await readFile(launch.file, 'utf8'), `${half}exec sleep 60\n`)
  } finally {
    writer.kill('SIGKILL')
  }
})

test('of three replacements in a row only the last is offered', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  await bench.offered('hello')
  const mark = bench.mark()
  for (const word of ['one', 'two', 'three']) {
    await writeFile(path.join(bench.appsDir, '.next'), `#!/bin/sh\n# ${word}\n`, { mode: 0o755 })
    await rename(path.join(bench.appsDir, '.next'), file)
    await sleep(5)
  }
  const { launch } = await bench.offered('hello', mark)
  assert.match(await readFile(launch.file, 'utf8'), /three/)
  assert.equal(bench.events.slice(mark).length, 1)
})

test('a deleted file vanishes after a moment, one that comes back in time is a replacement', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  await bench.offered('hello')
  let mark = bench.mark()
  await rm(file)
  await sleep(50)
  await bench.drop('hello', `${shellScript}# again\n`)
  await bench.offered('hello', mark)
  assert.deepEqual(
    bench.events.slice(mark).map((it) => it.type),
    ['offered'],
  )
  mark = bench.mark()
  await rm(file)
  await bench.until((it) => it.type === 'vanished' && it.app === 'hello', mark)
  mark = bench.mark()
  await bench.drop('hello', shellScript)
  await bench.offered('hello', mark)
})

test('apps/ that is missing is waited for, and taken up again after it was deleted', async () => {
  await using bench = await openBench({ before: async (appsDir) => await rm(appsDir, { recursive: true }) })
  await mkdir(bench.appsDir)
  await bench.drop('hello', shellScript)
  await bench.offered('hello')
  assert.equal(bench.notices.length, 1)
  assert.match(bench.notices[0] ?? '', /does not exist yet/)
  let mark = bench.mark()
  await rm(bench.appsDir, { recursive: true })
  await bench.until((it) => it.type === 'vanished', mark)
  mark = bench.mark()
  await mkdir(bench.appsDir)
  await bench.drop('again', shellScript)
  await bench.offered('again', mark)
  assert.match(bench.notices[1] ?? '', /was removed or moved away/)
})

test('what is named as the apps folder and is none is a mistake to start with', async () => {
  const opening = openBench({
    before: async (appsDir) => {
      await rm(appsDir, { recursive: true })
      await writeFile(appsDir, '#!/bin/sh\n')
    },
  })
  await assert.rejects(opening, {
    name: 'StartError',
    exitCode: 2,
    message: /apps is a file; apps must be a folder\. /,
  })
})

test('sixty apps dropped at once are all offered, quickly', async (t) => {
  await using bench = await openBench()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 60 }, (_, index) => bench.drop(`app-${index}`, `${shellScript}# ${index}\n`)))
  await bench.until(() => bench.events.filter((it) => it.type === 'offered').length === 60)
  t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`)
  assert.equal(bench.events.filter((it) => it.type === 'refused').length, 0)
})

test('copies that are no longer needed are deleted, those that are needed stay', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  const first = await bench.offered('hello')
  bench.intake.retain('hello', [first.launch.version])
  const versions: string[] = []
  for (let index = 0; index < 5; index++) {
    const mark = bench.mark()
    await appendFile(file, `# ${index}\n`)
    versions.push((await bench.offered('hello', mark)).launch.file)
  }
  await hiddenUntil(bench.appsDir, (names) => names.length === 3)
  const names = await hidden(bench.appsDir)
  assert.ok(names.includes(path.basename(first.launch.file)), 'the retained one')
  for (const newest of versions.slice(-2)) assert.ok(names.includes(path.basename(newest)), 'the newest')
  const mark = bench.mark()
  await rm(file)
  await bench.until((it) => it.type === 'vanished', mark)
  bench.intake.forget('hello')
  await hiddenUntil(bench.appsDir, (names) => names.length === 0)
})

test('hidden copies are taken away at the end, and those of an earlier life at the start', async () => {
  let left = ''
  await using bench = await openBench({
    before: async (appsDir, stateDir) => {
      await writeFile(path.join(appsDir, 'hello'), shellScript, { mode: 0o755 })
      await writeFile(path.join(appsDir, '.quay-00000000-somebody-elses'), 'mine\n')
      const offered = Promise.withResolvers<string>()
      const intake = await openIntake({
        appsDir,
        stateDir,
        clock: systemClock,
        settings: settingsOf({}),
        emit: (event) => event.type === 'offered' && offered.resolve(event.launch.file),
        notice: () => undefined,
      })
      const copy = await offered.promise
      const bytes = await readFile(copy)
      await intake[Symbol.asyncDispose]()
      await intake[Symbol.asyncDispose]()
      assert.deepEqual(await hidden(appsDir), ['.quay-00000000-somebody-elses'])
      // As a SIGKILL would have left it; the app itself is gone meanwhile.
      left = copy
      await writeFile(copy, bytes)
      await rm(path.join(appsDir, 'hello'))
    },
  })
  assert.deepEqual(await hidden(bench.appsDir), ['.quay-00000000-somebody-elses'])
  assert.notEqual(left, '')
})

test('two thousand files that are no apps are passed over, and an app among them is found', async (t) => {
  await using bench = await openBench({
    before: async (appsDir) => {
      for (let from = 0; from < 2_000; from += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_, index) => writeFile(path.join(appsDir, `part-${from + index}.js`), 'x')),
        )
      }
    },
  })
  const startedAt = performance.now()
  await bench.drop('hello', shellScript)
  await bench.offered('hello')
  t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`)
  assert.deepEqual(new Set(bench.events.map((it) => it.app)), new Set(['hello']))
})

async function hidden(appsDir: string): Promise<string[]> {
  return (await readdir(appsDir)).filter((it) => it.startsWith('.quay-'))
}

async function hiddenUntil(appsDir: string, enough: (names: string[]) => boolean): Promise<void> {
  const deadline = performance.now() + patience
  while (!enough(await hidden(appsDir))) {
    assert.ok(performance.now() < deadline, (await hidden(appsDir)).join(' '))
    await sleep(10)
  }
}
