import assert from 'node:assert/strict'
import { mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { which } from '../../src/supervisor/which.ts'
import { findWriters } from '../../src/supervisor/writers.ts'
import type { OnDisk } from '../../src/supervisor/sight.ts'

const ways: string[] = []
if (process.platform === 'linux') ways.push('linux')
if ((await which('lsof', process.env.PATH ?? '', '/')) !== null) ways.push('darwin')

for (const way of ways) {
  test(`a file that is open for writing is told from one that is only read (as on ${way})`, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'writers-'))
    try {
      const names = ['read', 'written', 'closed'].map((it) => path.join(folder, it))
      for (const name of names) await writeFile(name, 'x')
      const [read, written, closed] = (await Promise.all(names.map(onDisk))) as [OnDisk, OnDisk, OnDisk]
      const reader = await open(read.path, 'r')
      const writer = await open(written.path, 'r+')
      const writers = findWriters(way)
      assert.ok(writers.canTell)
      const answers = await Promise.all([[read], [written], [closed], [closed, written]].map((it) => writers.anyOf(it)))
      assert.deepEqual(answers, [false, true, false, true])
      // Another file under the same name is not it.
      await rename(closed.path, written.path)
      assert.equal(await writers.anyOf([await onDisk(written.path)]), false)
      await writer.close()
      await reader.close()
      assert.equal(await writers.anyOf([written]), false)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}

test('where nobody can tell, that is said', async () => {
  const writers = findWriters('aix')
  assert.equal(writers.canTell, false)
  assert.equal(await writers.anyOf([]), false)
})

async function onDisk(file: string): Promise<OnDisk> {
  const { dev, ino } = await stat(file, { bigint: true })
  return { path: file, dev, ino }
}
