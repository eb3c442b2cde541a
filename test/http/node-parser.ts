import http from 'node:http'
import { Duplex } from 'node:stream'

/** One message as Node's own parser (llhttp) read it. */
export interface NodeMessage {
  readonly start: string
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

export interface NodeReading {
  readonly messages: readonly NodeMessage[]
  readonly error: string | null
}

/** What a Node server reads from a stream of requests, in memory. It stops at `until` messages, an error or silence. */
export async function nodeServerReads(stream: string, until: number): Promise<NodeReading> {
  const messages: NodeMessage[] = []
  const ended = Promise.withResolvers<string | null>()
  const server = http.createServer({
    requestTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 0,
    connectionsCheckingInterval: 1e9,
  })
  const take = (request: http.IncomingMessage, reply: http.ServerResponse) => {
    const parts: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      messages.push(record(`${request.method} ${request.url}`, request, parts))
      if (messages.length >= until) ended.resolve(null)
      reply.end()
    })
  }
  server.on('request', take)
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('clientError', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? error.message))
  const socket = wire(stream)
  socket.on('close', () => ended.resolve('closed'))
  server.emit('connection', socket)
  void silence().then(() => ended.resolve('silence'))
  const error = await ended.promise
  socket.destroy()
  server.closeAllConnections()
  server.close()
  return { messages, error }
}

/** What a Node client reads as the answer to one request. The stream ends with a FIN. */
export async function nodeClientReads(stream: string, method: string): Promise<NodeReading> {
  const messages: NodeMessage[] = []
  const ended = Promise.withResolvers<string | null>()
  const socket = wire(stream)
  const request = http.request({ method, createConnection: () => socket })
  request.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? error.message))
  request.on('response', (response) => {
    const parts: Buffer[] = []
    response.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? error.message))
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('end', () => {
      messages.push(record(String(response.statusCode), response, parts))
      ended.resolve(null)
    })
  })
  request.end()
  setImmediate(() => socket.push(null))
  void silence().then(() => ended.resolve('silence'))
  const error = await ended.promise
  request.destroy()
  socket.destroy()
  return { messages, error }
}

function record(start: string, message: http.IncomingMessage, parts: readonly Buffer[]): NodeMessage {
  return {
    start,
    fields: pairs(message.rawHeaders),
    body: Buffer.concat(parts).toString('latin1'),
    trailers: pairs(message.rawTrailers),
  }
}

function pairs(raw: readonly string[]): string[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => `${raw[index * 2]}: ${raw[index * 2 + 1]}`)
}

/** A socket in memory: what it is sent is forgotten. */
function wire(stream: string): Duplex {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), allowHalfOpen: true })
  Object.assign(socket, { setTimeout: () => socket, setNoDelay: () => socket, setKeepAlive: () => socket })
  socket.on('error', () => {})
  socket.push(Buffer.from(stream, 'latin1'))
  return socket
}

/** Everything is in memory, so a parser that has not spoken after so many turns of the loop waits for more bytes. */
async function silence(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve))
}
