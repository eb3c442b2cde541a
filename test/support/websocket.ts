import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { type AskOptions, begin, type Door } from './http.ts'
import { patience, within } from './wait.ts'

/** A WebSocket that speaks short text frames: enough to see that a tunnel carries both ways. */
export interface Conversation extends Disposable {
  readonly headers: IncomingHttpHeaders
  /** Sends a text and gives the next one that comes. */
  say(text: string): Promise<string>
  /** The code of the Close frame that the other side sends when it has nothing more to say; it is answered. */
  readonly goodbye: Promise<number>
  /** Resolves when the other side is gone. */
  readonly closed: Promise<void>
}

/** Opens a WebSocket, or gives the status with which that was refused. */
export async function converse(door: Door, path: string, options: AskOptions = {}): Promise<Conversation | number> {
  const request = begin(door, path, {
    ...options,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      ...options.headers,
    },
  })
  return within(
    new Promise((resolve, reject) => {
      request.on('upgrade', (response, socket) => resolve(conversation(response.headers, socket)))
      request.on('response', (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      request.on('error', reject)
      request.end()
    }),
    patience,
    `the upgrade of ${path}`,
  )
}

function conversation(headers: IncomingHttpHeaders, socket: Duplex): Conversation {
  let received = Buffer.alloc(0)
  let wake = (): void => {}
  const { promise: goodbye, resolve: parted } = Promise.withResolvers<number>()
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data])
    if (received[0] === 0x88 && received.length >= 4) {
      socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))
      parted(received.readUInt16BE(2))
    }
    wake()
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  const next = async (): Promise<string> => {
    for (;;) {
      const length = (received[1] ?? 0) & 127
      if (received.length >= 2 && received.length >= 2 + length) {
        const text = received.subarray(2, 2 + length).toString()
        received = received.subarray(2 + length)
        return text
      }
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    headers,
    closed,
    goodbye,
    async say(text) {
      const mask = randomBytes(4)
      const masked = Buffer.from(text).map((byte, i) => byte ^ (mask[i % 4] ?? 0))
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | masked.length]), mask, masked]))
      return within(next(), patience, `an answer to ${text}`)
    },
    [Symbol.dispose]() {
      socket.destroy()
    },
  }
}
