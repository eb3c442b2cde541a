import assert from 'node:assert/strict'
import test from 'node:test'
import { orphanNotice } from '../../src/main/pid-one.ts'

test('where PID 1 is Node it is said that orphans stay zombies, and what helps; elsewhere nothing', () => {
  const hint = /docker run --init/
  assert.match(orphanNotice(1, 0, () => '/usr/bin/node') ?? '', hint)
  // npm or our own launcher stands before the gateway.
  assert.match(orphanNotice(7, 1, () => '/usr/local/bin/node') ?? '', hint)
  assert.equal(
    orphanNotice(7, 1, () => '/usr/bin/docker-init'),
    null,
  )
  assert.equal(
    orphanNotice(7, 1, () => ''),
    null,
  )
  assert.equal(
    orphanNotice(7, 6, () => '/usr/bin/node'),
    null,
  )
})
