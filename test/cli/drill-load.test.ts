import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import test from 'node:test'
import { Load } from '../../src/cli/drill/load.ts'

/** Answers once a connection, after `first` requests have come together, and resets a connection that is used again. */
function fickle(first: number): Server {
  const waiting: Socket[] = []
  return createServer((socket) => {
    let requests = 0
    socket.on('error', () => {})
    socket.on('data', () => {
      requests += 1
      if (requests > 1) return void socket.resetAndDestroy()
      waiting.push(socket)
      if (waiting.length < first) return
      for (const one of waiting.splice(0)) one.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
      first = 1
    })
  })
}

test('a GET that meets the close of an idle connection is asked once more, on a connection of its own', async () => {
  // Several idle connections: whoever asks again on one of the others meets the next close.
  await using server = fickle(8).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let all = 0
  {
    await using load = new Load({ url: `http://127.0.0.1:${port}/`, token: null }, { clients: 1, rate: 200, posts: 0 })
    while (all < 60) {
      const { sent, failed, why } = await load.settled()
      assert.deepEqual({ failed, why }, { failed: 0, why: [] })
      all += sent
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
})
