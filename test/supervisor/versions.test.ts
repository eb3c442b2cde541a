import assert from 'node:assert/strict'
import { access, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Versions, type Original } from '../../src/supervisor/versions.ts'

test('a binary is copied into the state folder, private and unwritable, once for each content', async () => {
  await using home = await temporary()
  const file = path.join(home.appsDir, 'hello')
  await writeFile(file, 'one', { mode: 0o755 })
  const one = await home.versions.keep(binary(file))
  const again = await home.versions.keep(binary(file))
  assert.deepEqual(again, one)
  assert.equal(one.file, path.join(home.stateDir, 'versions', 'hello', one.digest.slice(0, 12), 'hello'))
  assert.equal((await stat(one.file)).mode & 0o777, 0o500)
  assert.equal((await stat(path.dirname(one.file))).mode & 0o777, 0o700)
  assert.deepEqual((await readdir(path.join(home.stateDir, 'versions', 'hello'))).length, 1)
})

test('keeping a copy and deleting it at the same moment leaves it there', async () => {
  await using home = await temporary()
  const file = path.join(home.appsDir, 'hello')
  await writeFile(file, 'one', { mode: 0o755 })
  await home.versions.keep(binary(file))
  home.versions.forget('hello', null)
  const { file: copy } = await home.versions.keep(binary(file))
  home.versions.retain('hello', [])
  await home.versions.keep(binary(file))
  await access(copy)
})

test('where no copy can lie beside a script it is kept in the state folder, and that is said once', async () => {
  await using home = await temporary()
  // As long as a name may be: there is no room for the prefix.
  for (const letter of ['a', 'b']) {
    const file = path.join(home.appsDir, letter.repeat(250))
    await writeFile(file, `#!/bin/sh\n# ${letter}\n`, { mode: 0o755 })
    const copy = await home.versions.keep({ ...binary(file), form: 'script' })
    assert.ok(copy.file.startsWith(home.stateDir))
  }
  assert.equal(home.notices.length, 1)
  assert.deepEqual(
    (await readdir(home.appsDir)).filter((it) => it.startsWith('.')),
    [],
  )
})

test('a failed copy leaves nothing behind', async () => {
  await using home = await temporary()
  await assert.rejects(home.versions.keep(binary(path.join(home.appsDir, 'gone'))), { code: 'ENOENT' })
  assert.deepEqual(await readdir(path.join(home.stateDir, 'versions', 'hello')), [])
})

test('what a killed gateway had begun to write into apps/ is removed when it is old, and nothing that looks else', async () => {
  await using home = await temporary()
  const old = ['.quay-deploy-0123456789ab', '.quay-note-0123456789ab', '.quay-deploy-mine', '.quay-notes']
  const young = '.quay-deploy-ba9876543210'
  for (const name of [...old, young]) await writeFile(path.join(home.appsDir, name), 'half')
  const then = Date.now() / 1000 - 3_600
  for (const name of old) await utimes(path.join(home.appsDir, name), then, then)
  await using _ = await Versions.open({ ...home, notice: () => undefined })
  assert.deepEqual(new Set(await readdir(home.appsDir)), new Set([young, '.quay-deploy-mine', '.quay-notes']))
})

function binary(file: string): Original {
  return { app: 'hello', file, form: 'binary', uid: null, gid: null }
}

interface Home extends AsyncDisposable {
  readonly appsDir: string
  readonly stateDir: string
  readonly notices: string[]
  readonly versions: Versions
}

async function temporary(): Promise<Home> {
  const root = await mkdtemp(path.join(tmpdir(), 'versions-'))
  const [appsDir, stateDir] = [path.join(root, 'apps'), path.join(root, 'state')]
  await mkdir(appsDir)
  const notices: string[] = []
  const versions = await Versions.open({ appsDir, stateDir, notice: (_level, message) => void notices.push(message) })
  return {
    appsDir,
    stateDir,
    notices,
    versions,
    [Symbol.asyncDispose]: async () => {
      await versions[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}
