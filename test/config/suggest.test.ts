import assert from 'node:assert/strict'
import { it } from 'node:test'
import { suggest } from '../../src/config/suggest.ts'

it('finds what was meant', () => {
  const keys = ['path', 'host', 'instances', 'env', 'envFile', 'health', 'restart', 'timeouts']
  const cases = [
    ['instanses', 'instances'],
    ['instance', 'instances'],
    ['heatlh', 'health'],
    ['healthcheck', 'health'],
    ['hostname', 'host'],
    ['env-file', 'envFile'],
    ['ENV', 'env'],
    ['timeout', 'timeouts'],
  ] as const
  for (const [word, meant] of cases) assert.equal(suggest(word, keys), meant)
})

it('keeps silent when nothing is close', () => {
  assert.equal(suggest('colour', ['path', 'host']), null)
  assert.equal(suggest('', ['path']), null)
  assert.equal(suggest('x'.repeat(100_000), ['path']), null)
})
