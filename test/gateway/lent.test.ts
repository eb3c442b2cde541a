import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'

import { lent, readAccepted, type Take } from '../../src/gateway/lent.ts'
import { ask, ok, startRig } from '../conformance/kit.ts'

test('an accepted socket reads into what is lent, and without the fields of this Node it reads as ever', async () => {
  for (const hide of [false, true]) {
    const read: { text: string; isLent: boolean }[] = []
    await using server = net.createServer((socket) => {
      // As in a Node that has no such handle.
      if (hide) Object.defineProperty(Reflect.get(socket, '_handle'), 'useUserBuffer', { value: null })
      const take: Take = (bytes, size) => {
        read.push({ text: bytes.toString('latin1', 0, size), isLent: bytes === lent })
        return true
      }
      readAccepted(socket, { next: () => lent }, take)
      socket.on('end', () => socket.end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
    client.end('hello')
    client.resume()
    await once(client, 'close')
    assert.deepEqual(read, [{ text: 'hello', isLent: !hide }])
  }
})

test('bytes that came before anybody read the socket are read first', async () => {
  let read = ''
  await using server = net.createServer((socket) => {
    const begin = (): void => {
      if (socket.readableLength === 0) return void setImmediate(begin)
      const take: Take = (bytes, size) => {
        read += bytes.toString('latin1', 0, size)
        return true
      }
      readAccepted(socket, { next: () => lent }, take)
      socket.on('end', () => socket.end())
      socket.write('go on')
    }
    begin()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
  client.write('early, ')
  await once(client, 'data')
  client.end('late')
  client.resume()
  await once(client, 'close')
  assert.equal(read, 'early, late')
})

test('a request that is sent again is the same, whatever others have sent meanwhile', async () => {
  await using rig = await startRig()
  const one = await rig.dial()
  one.send(ask('GET /warm'))
  await one.response()
  rig.child.script = (_, { target }) => (target === '/one' ? undefined : ok)
  one.send(ask('GET /one', 'X-One: 1'))
  await rig.child.request(2)
  rig.child.script = () => ok
  const other = await rig.say(ask('GET /other/of/another/length', `X-Other: ${'o'.repeat(300)}`))
  assert.equal(other.status, 200)
  rig.child.peers[0]?.socket.destroy()
  assert.equal((await one.response()).status, 200)
  const [, first, , again] = rig.child.requests
  assert.equal(again?.target, '/one')
  assert.deepEqual(again?.all('x-one'), ['1'])
  assert.deepEqual(again?.names, first?.names)
})
