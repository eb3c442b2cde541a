import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/lib/clock.ts'
import { Archive } from '../../src/supervisor/archive.ts'
import { judgeSteadily, type Steady } from '../../src/supervisor/judge.ts'
import { look, type Found } from '../../src/supervisor/sight.ts'
import { Versions } from '../../src/supervisor/versions.ts'
import { settingsOf, shellScript } from './intake-bench.ts'

test('what changes or goes while it is judged is not judged at all', async () => {
  await using home = await temporary()
  const file = path.join(home.appsDir, 'hello')
  await writeFile(file, shellScript, { mode: 0o755 })
  const before = await home.see('hello')
  assert.equal((await home.judge('hello', before))?.judgement.kind, 'launch')
  await appendFile(file, '# more\n')
  assert.equal(await home.judge('hello', before), null)
  const after = await home.see('hello')
  await rm(file)
  assert.equal(await home.judge('hello', after), null)
})

test('the files that a folder names in its command are in view once it is judged', async () => {
  await using home = await temporary()
  const folder = path.join(home.appsDir, 'chat')
  await mkdir(folder)
  await writeFile(path.join(folder, 'server.mjs'), '// one\n')
  await writeFile(path.join(folder, 'app.json'), '{"command":["node","server.mjs"]}')
  const steady = await home.judge('chat', await home.see('chat'))
  assert.ok(steady)
  assert.deepEqual(steady.extras, ['app.json', 'server.mjs'])
  assert.equal((await home.see('chat', steady.extras)).print, steady.print)
  await appendFile(path.join(folder, 'server.mjs'), '// two\n')
  assert.notEqual((await home.see('chat', steady.extras)).print, steady.print)
})

test('for another user the copy lies where that user can reach it, not in the private state folder', async () => {
  await using home = await temporary({ uid: 65_534 })
  const file = path.join(home.appsDir, 'sleepy')
  await writeFile(file, shellScript, { mode: 0o755 })
  const steady = await home.judge('sleepy', await home.see('sleepy'))
  assert.ok(steady?.judgement.kind === 'launch')
  assert.equal(path.dirname(steady.judgement.launch.file), home.appsDir)
  assert.equal((await readdir(home.appsDir)).length, 2)
})

interface Home extends AsyncDisposable {
  readonly appsDir: string
  see(entry: string, extras?: readonly string[]): Promise<Found>
  judge(entry: string, found: Found): Promise<Steady | null>
}

async function temporary(settings: { uid?: number } = {}): Promise<Home> {
  const root = await mkdtemp(path.join(tmpdir(), 'judge-'))
  const appsDir = path.join(root, 'apps')
  await mkdir(appsDir)
  const versions = await Versions.open({ appsDir, stateDir: path.join(root, 'state'), notice: () => undefined })
  const archive = await Archive.open({
    stateDir: path.join(root, 'state'),
    clock: systemClock,
    notice: () => undefined,
  })
  const config = settingsOf(settings.uid === undefined ? {} : { sleepy: settings })
  return {
    appsDir,
    see: async (entry, extras = []) => {
      const sight = await look(appsDir, entry, extras)
      return sight.kind === 'file' || sight.kind === 'folder' ? sight : assert.fail(sight.kind)
    },
    judge: async (entry, found) => {
      const bench = { appsDir, config, versions, archive, machine: process }
      return await judgeSteadily(bench, entry, entry, found, [], null)
    },
    [Symbol.asyncDispose]: async () => {
      await versions[Symbol.asyncDispose]()
      await rm(root, { recursive: true, force: true })
    },
  }
}
