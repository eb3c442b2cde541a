import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'
import { root, run } from '../support/folder.ts'

test('good and bad versions deployed in turn under load fail no GET, and every bad one is refused for its own reason', async (t) => {
  const proof = path.join(root, 'bench/replacements.ts')
  const args = [proof, '--count', '8', '--soak', '1500ms', '--rps', '100']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root, timeout: 200_000 })
  t.diagnostic(stdout)
  assert.equal(code, 0, `${stdout}${stderr}`)
})
