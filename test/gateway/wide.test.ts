import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'

import { lent } from '../../src/gateway/lent.ts'
import { Basin, isWide, keep, letGo, wideSize } from '../../src/gateway/wide.ts'
import { at, ready, route, startFront, token } from './kit.ts'

const plenty = 10 * wideSize
const fewest = 128 * 1024
const basins: Basin[] = []

/** One that was just filled. */
function filled(): Basin {
  const basin = new Basin()
  basins.push(basin)
  basin.size = lent.length
  basin.next(plenty)
  return basin
}

afterEach(() => {
  for (const basin of basins.splice(0)) basin.close()
})

test('a long body that fills the lent buffer is read into a wide one, until it comes slowly or is nearly over', () => {
  const basin = new Basin()
  basins.push(basin)
  basin.size = lent.length - 1
  assert.equal(basin.next(plenty), lent)
  basin.size = lent.length
  assert.equal(basin.next(fewest - 1), lent)
  const wide = basin.next(plenty)
  assert.ok(isWide(wide))
  assert.equal(basin.next(plenty), wide)
  assert.equal(basin.next(lent.length - 1), lent)
  assert.equal(basin.next(plenty), wide)
  basin.size = lent.length - 1
  assert.equal(basin.next(plenty), lent)
  assert.equal(filled().bytes, wide, 'it was given back')
})

test('what a write still needs is read into by nobody until it is let go', () => {
  const basin = filled()
  const wide = basin.bytes
  keep(wide)
  const other = basin.next(plenty)
  assert.ok(isWide(other))
  assert.notEqual(other, wide)
  assert.notEqual(filled().bytes, wide)
  letGo(wide)
  letGo(wide)
  assert.equal(filled().bytes, wide)
  assert.notEqual(filled().bytes, wide)
})

test('a write that ends before its socket reads on gives nothing away twice', () => {
  const basin = filled()
  const wide = basin.bytes
  keep(wide)
  letGo(wide)
  assert.notEqual(filled().bytes, wide, 'it is still read into')
  basin.close()
  assert.deepEqual([filled(), filled()].filter(({ bytes }) => bytes === wide).length, 1)
})

test('there are few of them, and who finds none reads into the lent buffer', () => {
  const taken = new Set<Buffer>()
  for (let count = 0; count < 64; count++) taken.add(filled().bytes)
  assert.ok(taken.has(lent))
  assert.ok(taken.size <= 33)
  assert.equal(isWide(lent), false)
  assert.equal(isWide(Buffer.alloc(wideSize)), false)
})

const size = 4_000_000

/** Each body's own bytes: a mixture would show. */
function bodyOf(seed: number): Buffer {
  const body = Buffer.alloc(size)
  for (let at = 0; at < size; at += 4) body.writeUInt32LE((at * 2_654_435_761 + seed * 97) % 4_294_967_291, at)
  return body
}

/** Reads with rests, so that writes to it do not all fit. */
async function readAll(from: AsyncIterable<Buffer>, isSlow: boolean): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of from) {
    pieces.push(piece)
    if (isSlow && pieces.length % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return Buffer.concat(pieces)
}

test('many long bodies at a time arrive as they were sent, both ways, to the fast and the slow', async () => {
  await using app = http.createServer((request, response) => {
    const seed = Number(request.url?.slice(1))
    if (request.method === 'GET') return void response.writeHead(200, { 'content-length': size }).end(bodyOf(seed))
    void readAll(request, seed % 2 === 0).then((body) => response.end(String(body.equals(bodyOf(seed)))))
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, (app.address() as AddressInfo).port)))])
  const headers = { 'x-api-token': token }
  const exchange = async (seed: number): Promise<void> => {
    const isUpload = seed % 3 === 0
    const options = { port: front.port, path: `/hello/${seed}`, headers, agent: false }
    const request = http.request({ ...options, method: isUpload ? 'POST' : 'GET' })
    request.end(isUpload ? bodyOf(seed) : undefined)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const body = await readAll(response, seed % 2 === 0)
    if (isUpload) assert.equal(body.toString(), 'true', `upload ${seed}`)
    else assert.ok(body.equals(bodyOf(seed)), `download ${seed}`)
  }
  await Promise.all(Array.from({ length: 12 }, (_, seed) => exchange(seed)))
})

test('the answer of an app that refuses an upload and closes reaches the client, however fast the upload is', async () => {
  await using app = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno')
      // What is not read any more turns the end into a reset.
      socket.pause().destroySoon()
    })
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  await using front = await startFront()
  front.routes([route('hello', ready(at(1, (app.address() as AddressInfo).port)))])
  for (let round = 0; round < 20; round++) {
    const wire = await front.wire()
    wire.socket.write(`POST /hello/ HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\nContent-Length: ${size}\r\n\r\n`)
    wire.socket.write(Buffer.alloc(size))
    const { status, body } = await wire.response('POST')
    assert.deepEqual([status, body], [413, 'no'])
    wire.socket.destroy()
  }
})
