import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Door } from './load.ts'

/** How a stream that a client held open came to its end. */
export interface StreamEnd {
  readonly kind: 'events' | 'websocket'
  /** `close`: a Close frame, with its code. `whole`: the end of the response. `cut`: the connection broke. */
  readonly how: 'close' | 'whole' | 'cut'
  readonly code: number | null
}

/** A stream of either kind that has begun; `ended` resolves when its connection is closed in both directions. */
export interface OpenStream {
  readonly ended: Promise<StreamEnd>
}

/** Opens an event stream and resolves with its first event. */
export async function openEvents(door: Door): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const request = http.get(`${door.url}events`, { headers: credentials(door), agent: false }, (response) => {
      const ended = new Promise<StreamEnd>((done) => {
        let whole = false
        response.on('end', () => (whole = true))
        response.on('error', () => {})
        request.once('close', () => done({ kind: 'events', how: whole ? 'whole' : 'cut', code: null }))
      })
      response.once('data', () => resolve({ ended }))
      response.once('close', () => reject(new Error(`an event stream was answered with ${response.statusCode}`)))
    })
    request.once('error', reject)
  })
}

/** Opens a WebSocket and resolves with its first frame. A Close frame is answered as RFC 6455 §5.5.1 asks. */
export async function openWebSocket(door: Door): Promise<OpenStream> {
  const headers = {
    ...credentials(door),
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
  }
  return new Promise((resolve, reject) => {
    const request = http.get(door.url, { headers, agent: false })
    request.once('error', reject)
    request.once('response', (response) => {
      response.resume()
      reject(new Error(`a WebSocket was answered with ${response.statusCode}`))
    })
    request.once('upgrade', (_, socket: Socket, first: Buffer) => {
      socket.unshift(first)
      resolve({ ended: watch(socket) })
    })
  })
}

/** The app's frames are short: one never begins in the middle of what is read at once, but for a lost one. */
function watch(socket: Socket): Promise<StreamEnd> {
  let code: number | null = null
  let tail = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.on('data', (data: Buffer) => {
    let rest = Buffer.concat([tail, data])
    while (rest.length >= 2 && rest.length >= 2 + ((rest[1] ?? 0) & 127)) {
      const size = (rest[1] ?? 0) & 127
      if (rest[0] === 0x88) {
        code = size >= 2 ? rest.readUInt16BE(2) : 1005
        socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))
      }
      rest = rest.subarray(2 + size)
    }
    tail = rest
  })
  return new Promise((done) => {
    socket.once('close', () => done({ kind: 'websocket', how: code === null ? 'cut' : 'close', code }))
  })
}

function credentials({ token }: Door): http.OutgoingHttpHeaders {
  return token === null ? {} : { 'x-api-token': token }
}
