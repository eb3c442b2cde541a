import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { typed } from '../../src/supervisor/display.ts'
import { looksLikeProgram, missingCommand, preflight } from '../../src/supervisor/preflight.ts'

test('each fault has its own sentence, and says what may heal or is not finished', async () => {
  await using folder = await temporary()
  const judge = async (name: string, content: string | Buffer, mode = 0o755): Promise<string> => {
    const file = path.join(folder.path, name)
    await writeFile(file, content, { mode })
    const verdict = await preflight({ file, name: file, searchPath: process.env.PATH ?? '', machine: process })
    if (verdict.kind === 'fit') return verdict.form
    return `${verdict.reason}${verdict.unfinished ? ' [unfinished]' : ''}${verdict.mayHeal ? ' [may heal]' : ''}`
  }
  assert.equal(await judge('ok', '#!/bin/sh\n'), 'script')
  assert.equal(await judge('env', '#!/usr/bin/env sh\n'), 'script')
  assert.equal(await judge('empty', ''), 'empty file [unfinished]')
  assert.equal(await judge('unmarked', '#!/bin/sh\n', 0o644), `not executable; run: chmod +x ${folder.path}/unmarked`)
  assert.match(await judge('plain.py', 'print(1)\n'), /^no shebang: .* #!\/usr\/bin\/env python3$/)
  assert.equal(await judge('noise', Buffer.from([1, 0, 2])), 'neither a script nor a program of a known format')
  assert.match(await judge('relative', '#!python3\n'), /no absolute path; write #!\/usr\/bin\/env python3$/)
  assert.equal(await judge('lost', '#!/opt/x/python\n'), 'its interpreter /opt/x/python does not exist [may heal]')
  assert.match(
    await judge('missing', '#!/usr/bin/env nope-nope\n'),
    /^needs nope-nope, which is not on PATH \[may heal\]$/,
  )
  assert.match(await judge('bom', '\ufeff#!/bin/sh\n'), /^a byte order mark/)
})

test('a file that is not executable counts as a program only if it says so itself', async () => {
  await using folder = await temporary()
  const looks = async (name: string, content: string): Promise<boolean> => {
    await writeFile(path.join(folder.path, name), content, { mode: 0o644 })
    return await looksLikeProgram(path.join(folder.path, name), process)
  }
  assert.equal(await looks('lib.js', 'export {}\n'), false)
  assert.equal(await looks('hello.py', '#!/usr/bin/env python3\n'), true)
  assert.equal(await looks('hello', 'anything\n'), true)
  assert.equal(await looks('empty.py', ''), true)
  assert.equal(await looksLikeProgram(path.join(folder.path, 'gone.js'), process), false)
})

test('a command is looked for where the app would look', async () => {
  await using folder = await temporary()
  await writeFile(path.join(folder.path, 'tool'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(path.join(folder.path, 'unmarked'), '#!/bin/sh\n', { mode: 0o644 })
  assert.equal(await missingCommand('tool', folder.path, '/'), null)
  assert.equal(await missingCommand('./tool', '', folder.path), null)
  assert.equal(await missingCommand('tool', '/nowhere', folder.path), 'needs tool, which is not on PATH')
  assert.match((await missingCommand('./unmarked', '', folder.path)) ?? '', /is not executable; run: chmod \+x/)
  assert.match((await missingCommand('./gone', '', folder.path)) ?? '', /gone, which does not exist$/)
})

test('a path in a command to type is quoted as a shell needs it', () => {
  assert.equal(typed('/a/b-c.sh'), '/a/b-c.sh')
  assert.equal(typed('/a/My App'), "'/a/My App'")
  assert.equal(typed("/a/it's"), "'/a/it'\\''s'")
  assert.equal(typed('/a/x\ny'), "$'/a/x\\x0ay'")
})

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'preflight-'))
  return { path: folder, [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }) }
}
