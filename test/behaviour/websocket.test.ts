import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { isAlive } from '../support/processes.ts'
import { eventually, patience, within } from '../support/wait.ts'
import { converse } from '../support/websocket.ts'

const v = (version: string): { fixture: string; words: Record<string, string> } => {
  return { fixture: 'websocket.cjs', words: { version } }
}

test('a WebSocket carries both ways, by path and by host', async () => {
  await using gateway = await startGateway({ apps: { 'chat.cjs': v('one') } })
  await gateway.events.ready('chat')
  for (const [path, options] of [
    ['/chat/', {}],
    ['/', { host: `chat.localhost:${gateway.port}` }],
  ] as const) {
    const conversation = await converse(gateway, path, options)
    assert.ok(typeof conversation === 'object', 'the upgrade was refused')
    using open = conversation
    for (const text of ['hello', 'again', 'x'.repeat(100)]) assert.equal(await open.say(text), `one ${text}`)
  }
})

test('an upgrade that the app does not want is answered with what the app says', async () => {
  await using gateway = await startGateway({ apps: { 'plain.cjs': 'hello.cjs' } })
  await gateway.events.ready('plain')
  assert.equal(await converse(gateway, '/plain/'), 200)
  assert.equal(await converse(gateway, '/nothing/'), 404)
})

test('an open WebSocket is told to come back when its app is replaced, and meets the new version then', async () => {
  await using gateway = await startGateway({
    apps: { 'chat.cjs': v('one') },
    config: { defaults: { stop: { streams: '300ms' } } },
  })
  const { pid } = await gateway.events.ready('chat')
  const first = await converse(gateway, '/chat/')
  assert.ok(typeof first === 'object')
  using old = first
  assert.equal(await old.say('hello'), 'one hello')
  await gateway.folder.put('chat.cjs', v('two'))
  assert.equal(await within(old.goodbye, patience, 'the Close'), 1012)
  const second = await converse(gateway, '/chat/')
  assert.ok(typeof second === 'object')
  using fresh = second
  assert.equal(await fresh.say('hi'), 'two hi')
  await within(old.closed, patience, 'the old one to be closed')
  await eventually(() => !isAlive(pid), { what: 'the old version to be over' })
  assert.equal(await fresh.say('hi again'), 'two hi again')
})
