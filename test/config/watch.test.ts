import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { watchFiles } from '../../src/config/watch.ts'

test('a change, a replacement by rename, an appearance and a removal are each noticed', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'quay-watch-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'gateway.config.json')
  const other = join(dir, 'imported.json')
  await writeFile(file, '{}')
  let notice = Promise.withResolvers<void>()
  const noticed = async (act: () => Promise<unknown>): Promise<void> => {
    notice = Promise.withResolvers<void>()
    await act()
    await notice.promise
  }
  await using _watching = await watchFiles([file], async () => {
    notice.resolve()
    return [file, other]
  })
  await noticed(() => writeFile(file, '{"a":1}'))
  await writeFile(`${file}.new`, '{"a":2}')
  await noticed(() => rename(`${file}.new`, file))
  await noticed(() => writeFile(other, '{}'))
  await noticed(() => rm(file))
  await noticed(() => writeFile(file, '{}'))
  assert.ok(true)
})
