import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Ports } from '../../src/supervisor/ports.ts'

test('a hundred concurrent calls get a hundred different ports, each of which can be bound', async () => {
  const ports = new Ports({ now: () => 0, wall: () => 0 })
  const taken = await Promise.all(Array.from({ length: 100 }, () => ports.take()))
  assert.equal(new Set(taken).size, 100)
  const server = createServer().listen(taken[0], '127.0.0.1')
  await once(server, 'listening')
  await new Promise((resolve) => server.close(resolve))
})

test('a port rests for two minutes before it is offered again', async () => {
  let now = 0
  const ports = new Ports({ now: () => now, wall: () => 0 })
  const first = new Set<number>()
  for (let i = 0; i < 300; i++) first.add(await ports.take())
  assert.equal(first.size, 300)
  now = 119_999
  for (let i = 0; i < 100; i++) assert.ok(!first.has(await ports.take()))
})
