import assert from 'node:assert/strict'
import http from 'node:http'
import test from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Kept, Shelf } from '../../src/gateway/keep.ts'
import { at, ready, route, startApp, startFront, token } from './kit.ts'

test('bodies are kept as they come, and what they take is counted until they are released', () => {
  const shelf = new Shelf(40_000)
  const kept = new Kept(shelf, 'hello', 10_000)
  for (let size = 1; size <= 100; size += 1) kept.add(Buffer.alloc(200, size), 0, 100)
  assert.ok(kept.isIntact)
  assert.equal(shelf.used, 10_000)
  const other = new Kept(shelf, 'hello', 10)
  other.add(Buffer.alloc(1), 0, 1)
  assert.ok(!other.isIntact, 'beyond a quarter of all')
  const neighbour = new Kept(shelf, 'neighbour', 10)
  neighbour.add(Buffer.alloc(1), 0, 1)
  assert.ok(neighbour.isIntact)
  kept.add(Buffer.alloc(1), 0, 1)
  assert.ok(!kept.isIntact, 'longer than what is kept')
  neighbour.release()
  neighbour.release()
  assert.equal(shelf.used, 0)
})

test('many uploads at once do not make the gateway keep more than its bound, and none fails for it', async (t) => {
  const answers: http.ServerResponse[] = []
  await using app = await startApp((request, response) => {
    request.resume().on('end', () => answers.push(response))
  })
  await using front = await startFront()
  const replay = { idempotent: true, key: false, body: 1024 * 1024 }
  front.routes([route('hello', ready(at(1, app.port)), { replay })])
  const body = Buffer.alloc(1024 * 1024, 'x')
  const before = memory()
  const agent = new http.Agent({ keepAlive: false })
  const asked = Array.from({ length: 60 }, () => {
    return new Promise<number>((resolve, reject) => {
      const headers = { 'x-api-token': token, 'content-length': body.length }
      http
        .request(
          { host: '127.0.0.1', port: front.port, path: '/hello/', method: 'PUT', agent, headers },
          (response) => {
            response.resume().on('end', () => resolve(response.statusCode ?? 0))
          },
        )
        .on('error', reject)
        .end(body)
    })
  })
  while (answers.length < asked.length) await new Promise((resolve) => setTimeout(resolve, 5))
  const kept = memory() - before
  for (const response of answers) response.end()
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]))
  t.diagnostic(`${kept} bytes`)
  assert.ok(kept < 30 * 1024 * 1024, `${kept} bytes`)
})

/** Of buffers that are in use (bytes). */
function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().arrayBuffers
}
