import assert from 'node:assert/strict'
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { Pipes } from '../../src/supervisor/pipes.ts'
import { eventually } from '../support/wait.ts'

test('pipes that were taken away while they lay in stock are not given to a child', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'quaymaster-pipes-'))
  try {
    const notices: string[] = []
    await using pipes = new Pipes(dir, [], (_, message) => void notices.push(message))
    const first = await pipes.take()
    assert.ok(first)
    const folder = join(dir, 'pipes')
    await rm(folder, { recursive: true })
    const second = await pipes.take()
    assert.ok(second)
    await Promise.all([access(second.stdout), access(second.stderr)])
    assert.deepEqual(notices, [])
    assert.ok((await readdir(folder)).length >= 2)
    // Where none can be made any more, the child gets pipes of the other kind, and is started all the same.
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    assert.equal(await pipes.take(), null)
    assert.equal(notices.length, 1)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test('after named pipes could not be made for a while there are some again, and that was told once', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'quaymaster-pipes-'))
  try {
    const folder = join(dir, 'pipes')
    await writeFile(folder, '')
    const notices: string[] = []
    await using pipes = new Pipes(dir, [], (_, message) => void notices.push(message), 10)
    assert.equal(await pipes.take(), null)
    const failed = performance.now()
    await eventually(async () => performance.now() - failed > 20 && (await pipes.take()) === null, {
      what: 'another try',
    })
    await rm(folder)
    const pair = await eventually(() => pipes.take(), { what: 'pipes' })
    await Promise.all([access(pair.stdout), access(pair.stderr)])
    assert.equal(notices.length, 1)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
