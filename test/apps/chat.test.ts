import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import path from 'node:path'
import { rawRequest } from '../support/http.ts'
import { root } from '../support/folder.ts'
import { patience, within } from '../support/wait.ts'
import { startSample, type Sample } from './sample.ts'

let chat: Sample

before(async () => {
  chat = await startSample([process.execPath, path.join(root, 'apps/chat/server.mjs')])
})

after(() => chat[Symbol.asyncDispose]())

const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const hello = JSON.stringify({ nick: 'Ada', text: 'höre' })

test('a message comes back to everybody, with the subject that the gateway vouched for', async () => {
  using ada = await open('X-Auth-Subject: ada\r\n')
  using bob = await open()
  ada.send(frame(TEXT, hello))
  for (const peer of [ada, bob]) {
    const message = JSON.parse(
      (await peer.next((it) => it.opcode === TEXT && it.payload.includes('Ada'))).payload.toString(),
    )
    assert.deepEqual(
      { nick: message.nick, subject: message.subject, text: message.text },
      { nick: 'Ada', subject: 'ada', text: 'höre' },
    )
  }
})

test('a message is taken byte by byte, in fragments with a ping between them, and together with the handshake', async () => {
  using drip = await open()
  for (const byte of frame(TEXT, mine('drip'))) drip.send(Buffer.of(byte))
  await drip.next((it) => it.payload.includes('drip'))

  using pieces = await open()
  const whole = mine('frag')
  pieces.send(frame(TEXT, whole.slice(0, 5), { fin: false }), frame(0, whole.slice(5, 9), { fin: false }))
  pieces.send(frame(PING, 'are you there'), frame(0, whole.slice(9)))
  assert.equal((await pieces.next((it) => it.opcode === PONG)).payload.toString(), 'are you there')
  await pieces.next((it) => it.payload.includes('frag'))

  using early = await open('', frame(TEXT, mine('early')))
  await early.next((it) => it.payload.includes('early'))
})

const violations: readonly (readonly [name: string, code: number | null, ...frames: readonly Buffer[]])[] = [
  ['a frame without a mask', 1002, frame(TEXT, 'x', { masked: false })],
  ['a reserved bit', 1002, frame(TEXT | 0x40, 'x')],
  ['an unknown opcode', 1002, frame(3, 'x')],
  ['a fragmented ping', 1002, frame(PING, 'x', { fin: false })],
  ['a ping of 126 bytes', 1002, frame(PING, 'x'.repeat(126))],
  ['a continuation of nothing', 1002, frame(0, 'x')],
  ['a new message inside a fragmented one', 1002, frame(TEXT, 'x', { fin: false }), frame(TEXT, 'y')],
  ['a length that is not written in the shortest form', 1002, Buffer.of(0x81, 0xfe, 0, 1, 0, 0, 0, 0, 120)],
  ['bytes that are not UTF-8', 1007, frame(TEXT, Buffer.of(0xc3, 0x28))],
  ['a message beyond the limit', 1009, frame(TEXT, 'x'.repeat(5_000))],
  ['fragments beyond the limit', 1009, frame(TEXT, 'x'.repeat(3_000), { fin: false }), frame(0, 'x'.repeat(3_000))],
  ['an announcement of a terabyte', 1009, frame(TEXT, '', { length: 2 ** 40 })],
  [
    'endless empty fragments',
    1009,
    frame(TEXT, '', { fin: false }),
    ...Array(1_100).fill(frame(0, '', { fin: false })),
  ],
  ['a close frame of one byte', 1002, frame(CLOSE, Buffer.of(3))],
  ['a close code that may not be sent', 1002, frame(CLOSE, Buffer.of(3, 0xee))],
  ['a close with a code of its own', 4000, frame(CLOSE, Buffer.of(0x0f, 0xa0))],
  ['a close without a code', null, frame(CLOSE, '')],
]

for (const [name, code, ...frames] of violations) {
  test(`${name} is answered with ${code ?? 'an empty close'} and the end`, async () => {
    using peer = await open()
    peer.send(...frames)
    const { payload } = await peer.next((it) => it.opcode === CLOSE)
    assert.equal(payload.length >= 2 ? payload.readUInt16BE() : null, code)
    await within(peer.ended, patience, 'the end of the connection')
  })
}

test('a page of somebody else, a wrong version, a wrong key and a wrong path are refused', async () => {
  const refused = async (fields: string, path = '/ws', key = validKey): Promise<string> =>
    (await rawRequest(chat.port, upgrade(fields, path, key))).slice(9, 12)
  assert.equal(await refused('Origin: http://evil.test\r\n'), '403')
  assert.equal(
    await refused('Origin: http://chat.localhost:8080\r\nX-Forwarded-Host: chat.localhost:8080\r\n', '/no'),
    '404',
  )
  assert.equal(await refused('', '/ws', 'c2hvcnQ='), '400')
  const old = upgrade('').replace('Version: 13', 'Version: 8')
  assert.match(await rawRequest(chat.port, old), /^HTTP\/1.1 426.*Sec-WebSocket-Version: 13/s)
  using own = await open('Origin: http://chat.localhost:8080\r\nX-Forwarded-Host: chat.localhost:8080\r\n')
  own.send(frame(PING, ''))
  await own.next((it) => it.opcode === PONG)
})

test('the page finds its WebSocket under the prefix it was asked with', async () => {
  const page = await rawRequest(
    chat.port,
    'GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Prefix: /chat\r\nConnection: close\r\n\r\n',
  )
  assert.match(page, /<base href="\/chat\/"/)
})

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

interface Peer extends Disposable {
  send(...bytes: readonly Buffer[]): void
  /** The first frame, of those not yet looked at, that is meant. */
  next(isMeant: (frame: Frame) => boolean): Promise<Frame>
  readonly ended: Promise<unknown>
}

/** From the example of RFC 6455 §1.3. */
const validKey = 'dGhlIHNhbXBsZSBub25jZQ=='

function upgrade(fields: string, path = '/ws', key = validKey): string {
  const asked = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${asked}${fields}\r\n`
}

async function open(fields = '', early: Buffer = Buffer.alloc(0)): Promise<Peer> {
  const socket = net.connect(chat.port, '127.0.0.1')
  const ended = once(socket, 'end')
  ended.catch(() => {})
  socket.write(Buffer.concat([Buffer.from(upgrade(fields)), early]))
  let received = Buffer.alloc(0)
  let arrived = Promise.withResolvers<void>()
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    arrived.resolve()
    arrived = Promise.withResolvers()
  })
  while (!received.includes('\r\n\r\n')) await within(arrived.promise, patience, 'the answer to the upgrade')
  const end = received.indexOf('\r\n\r\n') + 4
  assert.match(
    received.subarray(0, end).toString(),
    /^HTTP\/1.1 101.*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s,
  )
  received = received.subarray(end)

  const take = (): Frame | null => {
    const short = (received[1] ?? 0) & 127
    const start = short === 126 ? 4 : 2
    if (received.length < start) return null
    const stop = start + (short === 126 ? received.readUInt16BE(2) : short)
    if (received.length < stop) return null
    const taken = { opcode: (received[0] ?? 0) & 15, payload: received.subarray(start, stop) }
    received = received.subarray(stop)
    return taken
  }
  return {
    ended,
    send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    async next(isMeant) {
      for (;;) {
        const taken = take()
        if (taken && isMeant(taken)) return taken
        if (!taken) await within(arrived.promise, patience, 'a frame')
      }
    },
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

interface FrameOptions {
  readonly fin?: boolean
  readonly masked?: boolean
  /** What the frame says its length were. */
  readonly length?: number
}

function frame(
  opcode: number,
  payload: string | Buffer,
  { fin = true, masked = true, length }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload)
  const said = length ?? bytes.length
  const head = Buffer.alloc(said < 126 ? 2 : said < 65_536 ? 4 : 10)
  head[0] = (fin ? 0x80 : 0) | opcode
  head[1] = (masked ? 0x80 : 0) | (said < 126 ? said : said < 65_536 ? 126 : 127)
  if (head.length === 4) head.writeUInt16BE(said, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(said), 2)
  if (!masked) return Buffer.concat([head, bytes])
  const mask = Buffer.of(0x12, 0xa4, 0x5b, 0xff)
  return Buffer.concat([head, mask, bytes.map((byte, i) => byte ^ (mask[i & 3] ?? 0))])
}

function mine(text: string): string {
  return JSON.stringify({ nick: 'me', text })
}
