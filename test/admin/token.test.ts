import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { readOrCreateToken, readToken } from '../../src/admin/token.ts'

test('a token is made once, of 32 random bytes, for our eyes only', async (t) => {
  const folder = await stateFolder(t)
  const first = await readOrCreateToken(folder)
  assert.equal(Buffer.from(first.token, 'base64url').length, 32)
  assert.deepEqual([first.created, first.notices, first.file], [true, [], path.join(folder, 'token')])
  assert.equal(await modeOf(first.file), 0o600)
  assert.equal(await modeOf(folder), 0o700)
  const second = await readOrCreateToken(folder)
  assert.deepEqual([second.token, second.created, second.notices], [first.token, false, []])
  assert.deepEqual(await fs.readdir(folder), ['token'])
})

test('of several that start at once all get the same token', async (t) => {
  const folder = await stateFolder(t)
  const kept = await Promise.all(Array.from({ length: 8 }, () => readOrCreateToken(folder)))
  assert.equal(new Set(kept.map(({ token }) => token)).size, 1)
  assert.deepEqual(await fs.readdir(folder), ['token'])
})

test('permissions that are too loose are tightened, and that is said', async (t) => {
  const folder = await stateFolder(t)
  const { file, token } = await readOrCreateToken(folder)
  await fs.chmod(folder, 0o755)
  await fs.chmod(file, 0o644)
  const again = await readOrCreateToken(folder)
  assert.equal(again.token, token)
  assert.equal(again.notices.length, 2)
  assert.match(again.notices.join(' '), /0755.*0700.*0644.*0600/)
  assert.deepEqual([await modeOf(folder), await modeOf(file)], [0o700, 0o600])
  for (const notice of again.notices) assert.ok(!notice.includes(token))
})

test('a damaged token is not used but complained about', async (t) => {
  const folder = await stateFolder(t)
  await fs.mkdir(folder)
  for (const text of ['', 'short', 'has a space in the middle of it']) {
    await fs.writeFile(path.join(folder, 'token'), text)
    await assert.rejects(readOrCreateToken(folder), /damaged .*Delete the file/)
  }
})

test('without a token there is none to read', async (t) => {
  assert.equal(await readToken(await stateFolder(t)), null)
})

test('a state folder that cannot be made is one sentence', async (t) => {
  const folder = await stateFolder(t)
  await fs.writeFile(folder, 'a file')
  await assert.rejects(readOrCreateToken(folder), /^StartError: Cannot use .* as state folder: .*--state DIR/)
})

async function stateFolder(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'quay-'))
  t.after(() => fs.rm(folder, { recursive: true }))
  return path.join(folder, 'state')
}

async function modeOf(file: string): Promise<number> {
  return (await fs.stat(file)).mode & 0o777
}
