import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, patience } from '../support/wait.ts'
import { brief, openBench, shellScript } from './intake-bench.ts'

test('four broken files get four precise verdicts and start by themselves when mended', async () => {
  await using bench = await openBench()
  const { appsDir } = bench
  const foreign = await foreignProgram()
  await bench.drop('empty', '')
  await bench.drop('windows.sh', '#!/bin/sh\r\nexec sleep 60\r\n')
  await bench.drop('unmarked', shellScript, 0o644)
  await bench.drop('foreign', foreign.bytes)
  assert.equal(await bench.refused('empty'), 'empty file')
  assert.match(await bench.refused('windows'), /^\\r after the shebang .*; run: (sed|perl) .*windows\.sh$/)
  assert.equal(await bench.refused('unmarked'), `not executable; run: chmod +x ${path.join(appsDir, 'unmarked')}`)
  assert.match(await bench.refused('foreign'), foreign.verdict)
  assert.ok(bench.events.every((it) => it.type === 'settling' || it.type === 'refused'))

  await bench.drop('empty', shellScript)
  await bench.drop('windows.sh', shellScript)
  await chmod(path.join(appsDir, 'unmarked'), 0o755)
  await bench.drop('foreign', shellScript)
  for (const app of ['empty', 'windows', 'unmarked', 'foreign']) await bench.offered(app)
})

test('a cut-off program is told only after it has been at rest, and is offered when the rest arrives', async (t) => {
  if (process.platform !== 'linux') return t.diagnostic('no ELF here')
  await using bench = await openBench()
  const whole = await readFile('/bin/sleep')
  const startedAt = performance.now()
  await bench.drop('cut', whole.subarray(0, Math.floor(whole.length * 0.9)))
  assert.match(await bench.refused('cut'), /^truncated: the program has \d+ bytes/)
  assert.ok(performance.now() - startedAt >= 1_000)
  await bench.drop('cut', whole)
  await bench.offered('cut')
})

test('a missing interpreter is named, and the app is offered once it is there', async () => {
  await using bench = await openBench({ pollEvery: 50 })
  const interpreter = path.join(bench.root, 'my-python')
  await bench.drop('direct', `#!${interpreter}\n`)
  await bench.drop('looked-up', '#!/usr/bin/env no-such-interpreter-anywhere\n')
  assert.equal(await bench.refused('direct'), `its interpreter ${interpreter} does not exist`)
  assert.equal(await bench.refused('looked-up'), 'needs no-such-interpreter-anywhere, which is not on PATH')
  await symlink('/bin/sh', interpreter)
  await bench.offered('direct')
})

test('links: inside apps/ followed, dangling waited for, a loop and a way out refused', async () => {
  await using bench = await openBench({ pollEvery: 50 })
  const { appsDir, root } = bench
  await mkdir(path.join(appsDir, '.releases'))
  await writeFile(path.join(appsDir, '.releases', 'one.sh'), shellScript, { mode: 0o755 })
  await symlink('.releases/one.sh', path.join(appsDir, 'inside'))
  await symlink('nowhere', path.join(appsDir, 'dangling'))
  await symlink('loop-b', path.join(appsDir, 'loop-a'))
  await symlink('loop-a', path.join(appsDir, 'loop-b'))
  await writeFile(path.join(root, 'secret'), shellScript, { mode: 0o755 })
  await symlink('../secret', path.join(appsDir, 'outside'))

  const { launch } = await bench.offered('inside')
  const real = path.join(appsDir, '.releases', 'one.sh')
  assert.equal(launch.source, `${path.join(appsDir, 'inside')} -> ${real}`)
  assert.equal(path.dirname(launch.file), path.dirname(real))
  assert.match(await bench.refused('dangling'), /^dangling symbolic link: waiting for .*nowhere/)
  assert.match(await bench.refused('loop-a'), /loop/)
  assert.match(await bench.refused('outside'), /leaves .*apps: it is really .*secret; copy it instead/)

  // The target changes where nothing is watched.
  const mark = bench.mark()
  await writeFile(real, `${shellScript}# two\n`)
  await bench.offered('inside', mark)
  await bench.drop('nowhere', shellScript)
  await bench.offered('dangling')
})

test('what runs is told about when its replacement is broken, and offered again when that is taken back', async () => {
  await using bench = await openBench()
  const file = await bench.drop('hello', shellScript)
  const good = await bench.offered('hello')
  const mark = bench.mark()
  await bench.drop('hello', 'no shebang here\n')
  assert.match(await bench.refused('hello', mark), /^no shebang/)
  await writeFile(file, shellScript)
  const again = await bench.offered('hello', mark)
  assert.equal(again.launch.version, good.launch.version)
  assert.ok(!bench.events.slice(mark).some((it) => it.type === 'vanished'))
})

test('a hidden copy that somebody deleted is made again', async () => {
  await using bench = await openBench({ pollEvery: 50 })
  await bench.drop('hello', shellScript)
  const { launch } = await bench.offered('hello')
  await rm(launch.file, { force: true })
  const deadline = performance.now() + patience
  let content = ''
  while (content === '' && performance.now() < deadline) {
    content = await readFile(launch.file, 'utf8').catch(() => '')
    await sleep(20)
  }
  assert.equal(content, shellScript)
  assert.deepEqual(
    bench.events.map((it) => it.type),
    ['settling', 'offered'],
  )
})

for (const cause of ['rolled back', 'rejected']) {
  test(`a hidden copy that runs in place of what lies there (${cause}) is made again when somebody deleted it`, async () => {
    await using bench = await openBench({ pollEvery: 20 })
    const { intake } = bench
    await bench.drop('app.sh', shellScript)
    const { launch: good } = await bench.offered('app')
    intake.archive.proved('app', good.version)
    let mark = bench.mark()
    await bench.drop('app.sh', `${shellScript}# newer\n`)
    const { launch: bad } = await bench.offered('app', mark)
    const [kept] = intake.archive.list('app')
    mark = bench.mark()
    if (cause === 'rolled back') {
      intake.archive.rollBack('app', kept?.digest ?? '')
      await intake.judgeAnew('app')
    } else intake.archive.refused('app', bad.version, 'it fell', good.version)
    // Only what runs is needed now.
    intake.retain('app', [good.version])
    await intake.archive.rest()
    for (let times = 0; times < 2; times += 1) {
      await rm(good.file)
      await eventually(() => existsSync(good.file), { what: 'the copy' })
    }
    await bench.offered('app', mark)
    const since = bench.events.slice(mark).flatMap((it) => (it.type === 'offered' ? [it.launch.version] : []))
    assert.deepEqual(new Set(since), new Set([good.version]))
  })
}

test('an unreadable or a special file harms nobody', async () => {
  await using bench = await openBench()
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', path.join(bench.appsDir, 'pipe')])
  await bench.drop('hello', shellScript)
  await bench.offered('hello')
  await rename(path.join(bench.appsDir, 'pipe'), path.join(bench.appsDir, 'pipe2'))
  await bench.drop('hello2', shellScript)
  await bench.offered('hello2')
  assert.ok(
    bench.events.every((it) => it.app.startsWith('hello')),
    bench.events.map(brief).join('\n'),
  )
})

/** A program of this system for another processor. */
async function foreignProgram(): Promise<{ bytes: Buffer; verdict: RegExp }> {
  const bytes = Buffer.from((await readFile(process.execPath)).subarray(0, 4096))
  if (process.platform === 'linux') {
    const other = process.arch === 'arm64' ? 62 : 183
    bytes.writeUInt16LE(other, 18)
    return { bytes, verdict: /^built for (aarch64|x86-64), this machine is (x86-64|aarch64)$/ }
  }
  bytes.writeUInt32BE(0xcffaedfe, 0)
  bytes.writeUInt32LE(7, 4)
  return { bytes, verdict: /^built for x86 \(32 bit\), this machine is/ }
}
