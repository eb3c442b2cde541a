import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { loadConfig } from '../../src/config/load.ts'
import { opensEverything, tokensOf } from '../../src/config/tokens.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

test('a token that is limited to some apps does not open the admin listener', () => {
  const tokens = [
    { name: 'ci', sha256: sha256('limited'), apps: ['hello'] },
    { name: 'ops', sha256: sha256('all'), apps: null },
  ]
  assert.equal(opensEverything(tokens, 'all'), true)
  assert.equal(opensEverything(tokens, 'limited'), false)
  assert.equal(opensEverything(tokens, ''), false)
})

test('the kept token is the owner of everything, and only when it is given', async () => {
  const loaded = await loadConfig({ cwd: import.meta.dirname })
  assert.ok(loaded.ok)
  assert.deepEqual(tokensOf(loaded.config, 'kept'), [{ name: 'owner', sha256: sha256('kept'), apps: null }])
  assert.deepEqual(tokensOf(loaded.config, null), [])
})
