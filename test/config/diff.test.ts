import assert from 'node:assert/strict'
import { it } from 'node:test'
import { completeConfig, type Config } from '../../src/config/complete.ts'
import type { UserConfig } from '../../src/config/config.ts'
import { describeChanges, takeOver } from '../../src/config/diff.ts'
import { fileSchema } from '../../src/config/schema.ts'

const configOf = (config: UserConfig): Config => completeConfig(fileSchema.parse(config), null, '/root')

it('says what only counts from the next start on, and keeps saying it until then', () => {
  const running = configOf({})
  const wanted = configOf({
    listen: { port: 9090, timeouts: { head: '5s' }, trustedProxies: ['10.0.0.0/8', '::1'] },
    stateDir: 's',
    log: { level: 'debug' },
    apps: { a: { instances: 2 } },
  })
  const sentences = [
    'listen.port changed from 8080 to 9090; it stays 8080 until the gateway is restarted.',
    'listen.trustedProxies changed from [] to [10.0.0.0/8, ::1]; it stays [] until the gateway is restarted.',
    'listen.timeouts.head changed from 15s to 5s; it stays 15s until the gateway is restarted.',
    'stateDir changed from /root/.quaymaster to /root/s; it stays /root/.quaymaster until the gateway is restarted.',
  ]
  assert.deepEqual(describeChanges(running, wanted), sentences)
  const taken = takeOver(running, wanted)
  assert.deepEqual([taken.listen.port, taken.stateDir], [8080, '/root/.quaymaster'])
  assert.deepEqual([taken.log.level, taken.apps['a']?.instances], ['debug', 2])
  assert.deepEqual(describeChanges(taken, wanted), sentences)
})

it('is silent about what can be taken over at once', () => {
  const wanted = configOf({ defaults: { instances: 2 }, auth: { tokens: [{ name: 'a', sha256: 'a'.repeat(64) }] } })
  assert.deepEqual(describeChanges(configOf({}), wanted), [])
})
