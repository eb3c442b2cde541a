import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { eventually } from '../support/wait.ts'

/** The head of an ELF file for an ARM machine when we are on another one, and the other way round. */
function foreignElf(): Buffer {
  const head = Buffer.alloc(4096)
  head.write('\x7fELF', 0, 'latin1')
  head.set([2, 1, 1], 4)
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18)
  head.writeUInt32LE(1, 20)
  head.writeBigUInt64LE(64n, 32)
  head.writeUInt16LE(64, 52)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(1, 56)
  return head
}

async function refused(gateway: Gateway, name: string): Promise<string> {
  return eventually(
    async () => {
      const { state, reason } = await gateway.app(name)
      return state === 'refused' && reason
    },
    { what: `${name} to be refused` },
  )
}

test('every kind of broken file has a verdict of its own, nothing of it is spawned, and the others serve', async (t) => {
  const program = await fs.readFile(path.join(import.meta.dirname, '../fixtures/apps/hello.cjs'), 'utf8')
  await using gateway = await startGateway({
    apps: {
      'good.cjs': 'hello.cjs',
      empty: { text: '' },
      windows: { text: '#!/bin/sh\r\nexec true\r\n' },
      'locked.cjs': { text: program, mode: 0o644 },
      foreign: { text: foreignElf() },
      stranger: { text: '#!/usr/bin/env no-such-interpreter\n' },
      absent: { text: '#!/opt/nowhere/bin/perl6\n' },
      plain: { text: 'just some words\n' },
    },
  })
  await fs.symlink('nowhere', path.join(gateway.folder.apps, 'dangling'))
  await fs.symlink('/bin/true', path.join(gateway.folder.apps, 'outside'))
  const expected: Record<string, RegExp> = {
    empty: /empty/i,
    windows: /CRLF|carriage return|Windows line end/i,
    locked: /chmod \+x .*locked\.cjs/,
    foreign: /ARM|aarch64|x86|machine|architecture/i,
    stranger: /no-such-interpreter/,
    absent: /\/opt\/nowhere\/bin\/perl6/,
    plain: /#!|shebang/i,
    dangling: /link/i,
    outside: /outside|leaves/i,
  }
  const reasons = new Map<string, string>()
  for (const [name, words] of Object.entries(expected)) {
    const reason = await refused(gateway, name)
    t.diagnostic(`${name}: ${reason}`)
    assert.match(reason, words)
    reasons.set(name, reason)
  }
  // Names aside, no two of them say the same.
  const bare = [...reasons].map(([name, reason]) => reason.replaceAll(name, ''))
  assert.equal(new Set(bare).size, bare.length)

  await gateway.events.ready('good')
  assert.equal((await ask(gateway, '/good/')).status, 200)
  for (const name of Object.keys(expected)) {
    assert.deepEqual((await gateway.app(name)).instances, [])
    const spawned = gateway.events.seen.filter((event) => event.name === name && event.state === 'starting')
    assert.deepEqual(spawned, [])
    assert.equal((await ask(gateway, `/${name}/`)).status, 503)
  }
})

test('a refused app starts by itself when it is mended', async () => {
  const program = await fs.readFile(path.join(import.meta.dirname, '../fixtures/apps/hello.cjs'), 'utf8')
  await using gateway = await startGateway({
    apps: { 'locked.cjs': { text: program, mode: 0o644 }, 'empty.cjs': { text: '' } },
  })
  await refused(gateway, 'locked')
  await refused(gateway, 'empty')
  await fs.chmod(path.join(gateway.folder.apps, 'locked.cjs'), 0o755)
  await gateway.events.ready('locked')
  await gateway.folder.overwrite('empty.cjs', 'hello.cjs')
  await gateway.events.ready('empty')
  assert.equal((await ask(gateway, '/locked/')).status, 200)
  assert.equal((await ask(gateway, '/empty/')).status, 200)
})

test('of two files with one name the first keeps it and the second is told, an impossible name is refused', async () => {
  await using gateway = await startGateway({
    apps: { 'twin.cjs': { fixture: 'hello.cjs', words: { version: 'first' } } },
  })
  await gateway.events.ready('twin')
  await gateway.folder.put('twin.sh', 'exits-zero.sh')
  await gateway.folder.put('Not A Name.sh', 'exits-zero.sh')
  await eventually(
    async () => {
      const text = JSON.stringify((await gateway.status()).apps) + JSON.stringify(gateway.events.seen)
      return text.includes('twin.sh') && text.includes('Not A Name')
    },
    { what: 'both refusals to be told' },
  )
  assert.equal((await ask(gateway, '/twin/')).body, 'hello first\n')
})
