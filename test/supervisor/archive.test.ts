import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/lib/clock.ts'
import { Archive } from '../../src/supervisor/archive.ts'

test('refused versions push none out that has proved itself, and how many are kept is bounded', async () => {
  await using home = await temporary()
  home.proven('good1')
  home.proven('good2')
  for (const bad of ['bad1', 'bad2', 'bad3', 'bad4', 'bad5']) home.refused(bad, 'good2', 5)
  assert.deepEqual(await home.kept(), ['good1', 'good2', 'bad3', 'bad4', 'bad5'])
  for (const good of ['good3', 'good4', 'good5', 'good6']) home.proven(good)
  home.refused('bad6', 'good6', 5)
  home.refused('bad7', 'good6', 5)
  assert.deepEqual(await home.kept(), ['good3', 'good4', 'good5', 'good6', 'bad7'])
})

test('where only two are kept, a refused version leaves the one that serves and the one before it', async () => {
  await using home = await temporary()
  for (const good of ['good1', 'good2', 'good3']) home.proven(good, 2)
  home.refused('bad1', 'good3', 2)
  home.refused('bad2', 'good3', 2)
  assert.deepEqual(await home.kept(), ['good2', 'good3', 'bad2'])
})

interface Home extends AsyncDisposable {
  proven(version: string, most?: number): void
  refused(version: string, good: string, most: number): void
  /** As they are on the disk, the oldest first. */
  kept(): Promise<string[]>
}

async function temporary(): Promise<Home> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'archive-'))
  const file = path.join(stateDir, 'copy')
  await writeFile(file, 'copy')
  let wall = 0
  const options = { stateDir, clock: { ...systemClock, wall: () => (wall += 1) }, notice: () => undefined }
  const archive = await Archive.open(options)
  const add = (version: string, most: number): void =>
    archive.add('hello', { version, digest: `${version}-digest`, name: 'hello' }, file, most)
  return {
    proven: (version, most = 5) => {
      add(version, most)
      archive.proved('hello', version)
    },
    refused: (version, good, most) => {
      add(version, most)
      archive.refused('hello', version, 'it fell', good)
    },
    kept: async () => {
      await archive.rest()
      return (await Archive.open(options)).list('hello').map(({ version }) => version)
    },
    [Symbol.asyncDispose]: async () => {
      await archive.rest()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
