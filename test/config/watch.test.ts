import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
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

test('what others write beside it is no change', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'quay-watch-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'gateway.config.json')
  await writeFile(file, '{}')
  let calls = 0
  const notice = Promise.withResolvers<void>()
  await using _watching = await watchFiles([file], async () => {
    calls += 1
    notice.resolve()
    return [file]
  })
  for (let line = 0; line < 50; line++) await writeFile(join(dir, 'access.log'), `${line}\n`, { flag: 'a' })
  await writeFile(file, '{"a":1}')
  await notice.promise
  assert.equal(calls, 1)
})

test('a folder that comes after the start is noticed, and so is a link whose end has changed', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'quay-watch-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const late = join(dir, 'late', 'imported.json')
  const link = join(dir, 'gateway.config.json')
  await mkdir(join(dir, 'one'))
  await writeFile(join(dir, 'one', 'config.json'), '{}')
  await symlink('one', join(dir, 'now'))
  await symlink('now/config.json', link)
  let notice = Promise.withResolvers<void>()
  const noticed = async (act: () => Promise<unknown>): Promise<void> => {
    notice = Promise.withResolvers<void>()
    await act()
    await notice.promise
  }
  await using _watching = await watchFiles([link, late], async () => {
    notice.resolve()
    return [link, late]
  })
  // As Kubernetes replaces what it mounts.
  await mkdir(join(dir, 'two'))
  await writeFile(join(dir, 'two', 'config.json'), '{"a":2}')
  await symlink('two', join(dir, 'next'))
  await noticed(() => rename(join(dir, 'next'), join(dir, 'now')))
  await noticed(async () => {
    await mkdir(join(dir, 'late'))
    await writeFile(late, '{}')
  })
})
