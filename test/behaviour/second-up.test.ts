import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'

test('a second up on the same state folder refuses, names the PID of the first and does not disturb it', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const { pid } = await gateway.events.ready('hello')
  const { code, stdout, stderr } = await gateway.folder.cli('up', '--port', '0', '--admin-port', '0')
  assert.equal(code, 1, stdout)
  assert.match(stderr, new RegExp(`\\b${gateway.pid}\\b`))
  assert.equal((await ask(gateway, '/hello/')).headers['x-pid'], String(pid))
  assert.equal((await gateway.status()).pid, gateway.pid)
})

test('a port that is taken is told in one sentence with what to change', async () => {
  await using gateway = await startGateway()
  const state = gateway.folder.path('another-state')
  const args = ['--port', String(gateway.port), '--admin-port', '0', '--state', state]
  const { code, stderr } = await gateway.folder.cli('up', ...args)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`\\b${gateway.port}\\b`))
  assert.match(stderr, /--port/)
  assert.doesNotMatch(stderr, /^\s+at /m)
})
