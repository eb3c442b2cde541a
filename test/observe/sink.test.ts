import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import test from 'node:test'
import { Sink } from '../../src/observe/sink.ts'
import { eventually, patience, within } from '../support/wait.ts'

const lost = (count: number): string => `[${count} lost]`

test('lines arrive in order', async () => {
  const seen = new PassThrough()
  await using sink = new Sink({ out: seen, lost })
  sink.write('a')
  sink.write('b')
  assert.equal(String((await once(seen, 'data'))[0]), 'a\nb\n')
})

test('with a reader that stands still the backlog is bounded, and the loss is told when it reads again', async () => {
  const slow = new Slow()
  await using sink = new Sink({ out: slow, lost, bound: 10_000, bulkBound: 5_000 })
  for (let i = 0; i < 1_000; i += 1) sink.write('x'.repeat(99), true)
  assert.ok(slow.writableLength <= 5_100, String(slow.writableLength))
  sink.write('important')
  slow.go()
  await sink.drained(5_000)
  sink.write('after')
  await sink.drained(5_000)
  const lines = slow.text.split('\n').filter((line) => !line.startsWith('x'))
  assert.deepEqual(lines, ['important', '[950 lost]', 'after', ''])
})

test('of lines that come many in a piece each one lost is counted', async () => {
  const slow = new Slow()
  await using sink = new Sink({ out: slow, lost, bound: 100 })
  for (let i = 0; i < 4; i += 1) sink.write(`${'x'.repeat(49)}\n`.repeat(3).trimEnd(), false, 3)
  slow.go()
  await sink.drained(5_000)
  sink.write('after')
  await sink.drained(5_000)
  assert.deepEqual(
    slow.text.split('\n').filter((line) => !line.startsWith('x')),
    ['[9 lost]', 'after', ''],
  )
})

test('a reader that has left is survived, and costs nothing any more', async () => {
  const out = new Writable({ write: (_, __, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })) })
  await using sink = new Sink({ out, lost })
  sink.write('one')
  await once(out, 'error')
  assert.equal(sink.isFull(false), true)
  for (let i = 0; i < 10; i += 1) sink.write('more')
  await sink.drained(100)
})

test('the end does not wait for ever for a reader that stands still', async () => {
  const slow = new Slow()
  const sink = new Sink({ out: slow, lost })
  sink.write('never read')
  await within(sink.drained(50), patience, 'the end')
  slow.go()
})

// `script` gives a child a terminal; as nobody reads what `script` prints, that terminal fills up, as after Ctrl-S.
test('an unread terminal does not stop the process that writes to it', async (t) => {
  if (!['/usr/bin/script', '/bin/script'].some((file) => fs.existsSync(file))) return t.diagnostic('no script(1) here')
  const folder = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'quay-'))
  t.after(() => fs.promises.rm(folder, { recursive: true }))
  const program = path.join(folder, 'program.ts')
  const marker = path.join(folder, 'marker')
  await fs.promises.writeFile(
    program,
    `import fs from 'node:fs'
     import { Sink } from ${JSON.stringify(new URL('../../src/observe/sink.ts', import.meta.url).href)}
     const sink = new Sink({ out: process.stdout, lost: (n) => n + ' lost' })
     for (let i = 0; i < 20_000; i += 1) sink.write('x'.repeat(500))
     setTimeout(() => {
       fs.writeFileSync(${JSON.stringify(marker)}, String(process.stdout.isTTY))
       process.exit(0)
     }, 50)`,
  )
  const args =
    process.platform === 'darwin'
      ? ['-q', '/dev/null', process.execPath, program]
      : ['-qec', `'${process.execPath}' '${program}'`, '/dev/null']
  const child = spawn('script', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  assert.equal(await eventually(() => fs.readFileSync(marker, 'utf8'), { what: 'the process to get on' }), 'true')
})

class Slow extends Writable {
  text = ''
  #waiting: (() => void)[] = []
  #open = false

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    if (this.#open) done()
    else this.#waiting.push(done)
  }

  go(): void {
    this.#open = true
    for (const done of this.#waiting.splice(0)) done()
  }
}
