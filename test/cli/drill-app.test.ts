import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import { test } from 'node:test'
import { drillApp } from '../../src/cli/drill/app.ts'
import { createFolder, run } from '../support/folder.ts'

test('the app of a drill starts on a Node whose path has a space, a quote and a letter that is not ASCII', async () => {
  await using folder = await createFolder()
  const node = folder.path("my Nöde's")
  await fs.symlink(process.execPath, node)
  const app = { version: 'v1', boot: 0, posts: folder.path('posts'), fault: 'exits' } as const
  const file = await folder.putBeside('drill.cjs', { text: drillApp(app, node) })
  const { code, stderr } = await run(file, [])
  assert.deepEqual([code, stderr], [1, 'this version cannot start\n'])
})
