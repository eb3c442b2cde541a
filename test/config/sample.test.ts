import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'

it('the configuration of this repository loads without a problem or a warning', async () => {
  const root = join(import.meta.dirname, '../..')
  const loaded = await loadConfig({ cwd: root })
  assert.ok(loaded.ok)
  assert.equal(loaded.config.file, join(root, 'gateway.config.ts'))
  assert.deepEqual(loaded.warnings, [])
  assert.deepEqual(Object.keys(loaded.config.apps), ['hello', 'clock', 'chat', 'fortune'])
})
