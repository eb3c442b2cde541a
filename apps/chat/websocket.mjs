// The server's half of RFC 6455, as small as it can be while being right: masking, fragmentation, ping and pong,
// the closing handshake, and a limit for everything that could grow.
import { createHash } from 'node:crypto'

const CONTINUATION = 0x0
const TEXT = 0x1
const BINARY = 0x2
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa

const PING_EVERY = 25_000 // ms; two silent rounds and the peer counts as gone
const CLOSE_WITHIN = 2_000 // ms for the peer to answer our close frame
const MAX_UNSENT = 1 << 20 // bytes; a peer that reads more slowly than that is cut off

/**
 * Answers an upgrade request. Returns a Peer, or null after having refused.
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:stream').Duplex} socket
 * @param {Buffer} head bytes that arrived together with the request
 * @param {{ maxMessage?: number }} [options] the longest message taken, in bytes
 */
export function acceptWebSocket(request, socket, head, { maxMessage = 64 * 1024 } = {}) {
  socket.on('error', () => socket.destroy())
  const key = String(request.headers['sec-websocket-key'])
  if (request.method !== 'GET' || String(request.headers.upgrade).toLowerCase() !== 'websocket') {
    return refuse(socket, '400 Bad Request')
  }
  if (request.headers['sec-websocket-version'] !== '13') {
    return refuse(socket, '426 Upgrade Required', 'Sec-WebSocket-Version: 13\r\n')
  }
  // §4.2.1: sixteen bytes, base64.
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return refuse(socket, '400 Bad Request')
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  return new Peer(socket, head, maxMessage)
}

/**
 * @param {import('node:stream').Duplex} socket
 * @param {string} status
 */
export function refuse(socket, status, fields = '') {
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\n${fields}Connection: close\r\nContent-Length: 0\r\n\r\n`)
  return null
}

/** One open WebSocket. Set `onMessage` and `onClose` in the tick in which it was made. */
class Peer {
  /** @type {(message: string | Uint8Array) => void} a string for text, bytes for binary */
  onMessage = () => {}
  /** @type {() => void} called once, whatever the reason */
  onClose = () => {}

  #socket
  #maxMessage
  #received = Buffer.alloc(0)
  /** @type {Buffer[]} */
  #fragments = []
  #fragmentsLength = 0
  /** The opcode of the message whose fragments are being collected; 0 when there is none. */
  #opcode = CONTINUATION
  #sentClose = false
  #unanswered = 0
  #pulse

  constructor(socket, head, maxMessage) {
    this.#socket = socket
    this.#maxMessage = maxMessage
    this.#pulse = setInterval(() => this.#ping(), PING_EVERY)
    if (head.length > 0) socket.unshift(head)
    socket.on('data', (bytes) => this.#feed(bytes))
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearInterval(this.#pulse)
      this.onClose()
    })
  }

  /** @param {string | Uint8Array} message */
  send(message) {
    if (!this.#sentClose) this.#write(typeof message === 'string' ? TEXT : BINARY, Buffer.from(message))
  }

  /** Starts the closing handshake; the socket ends when the peer has answered, or soon after. */
  close(code = 1000, reason = '') {
    if (this.#sentClose) return
    this.#sentClose = true
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
    payload.writeUInt16BE(code)
    payload.write(reason, 2)
    this.#write(CLOSE, payload)
    this.#destroySoon()
  }

  #destroySoon() {
    setTimeout(() => this.#socket.destroy(), CLOSE_WITHIN).unref()
  }

  #ping() {
    if (this.#unanswered >= 2) this.#socket.destroy()
    else this.#write(PING, Buffer.alloc(0))
    this.#unanswered++
  }

  /** Takes bytes as they come and handles every frame that is complete. */
  #feed(bytes) {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    while (!this.#socket.destroyed) {
      const frame = this.#readFrame()
      if (frame === null) return
      if (typeof frame === 'number') return this.#fail(frame)
      const failure = this.#take(frame)
      if (failure) return this.#fail(failure)
    }
  }

  /** A frame, a close code for a violation, or null while bytes are missing. §5.2 */
  #readFrame() {
    const bytes = this.#received
    if (bytes.length < 2) return null
    const fin = (bytes[0] & 0x80) !== 0
    const opcode = bytes[0] & 0x0f
    const control = opcode >= CLOSE
    let length = bytes[1] & 0x7f
    if ((bytes[0] & 0x70) !== 0) return 1002 // reserved bits belong to extensions, and we agreed to none
    if (![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) return 1002
    if ((bytes[1] & 0x80) === 0) return 1002 // §5.1: a client masks, always
    if (control && (!fin || length > 125)) return 1002 // §5.5
    let offset = 2
    if (length === 126) {
      if (bytes.length < 4) return null
      length = bytes.readUInt16BE(2)
      if (length < 126) return 1002 // §5.2: the shortest form only
      offset = 4
    } else if (length === 127) {
      if (bytes.length < 10) return null
      const long = bytes.readBigUInt64BE(2)
      if (long < 65_536n || long >> 63n) return 1002
      if (long > BigInt(this.#maxMessage)) return 1009
      length = Number(long)
      offset = 10
    }
    // Checked against the announcement: nothing is collected that will not be taken.
    if (!control && this.#fragmentsLength + length > this.#maxMessage) return 1009
    if (bytes.length < offset + 4 + length) return null
    const mask = bytes.subarray(offset, offset + 4)
    const payload = Buffer.from(bytes.subarray(offset + 4, offset + 4 + length))
    for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3]
    this.#received = bytes.subarray(offset + 4 + length)
    return { fin, opcode, payload }
  }

  /** Acts on a frame; returns a close code when it was out of place. */
  #take({ fin, opcode, payload }) {
    if (opcode === CLOSE) return this.#takeClose(payload)
    if (this.#sentClose) return 0 // only the answer to our close still matters
    if (opcode === PING) return this.#write(PONG, payload)
    if (opcode === PONG) return (this.#unanswered = 0)
    // §5.4: a message begins with text or binary and goes on with continuations; control frames may come between.
    if ((opcode === CONTINUATION) === (this.#opcode === CONTINUATION)) return 1002
    if (opcode !== CONTINUATION) this.#opcode = opcode
    this.#fragments.push(payload)
    this.#fragmentsLength += payload.length
    if (this.#fragments.length > 1_000) return 1009 // thousands of empty fragments are an attack, not a message
    return fin ? this.#finishMessage() : 0
  }

  #finishMessage() {
    const whole = this.#fragments.length === 1 ? this.#fragments[0] : Buffer.concat(this.#fragments)
    const isText = this.#opcode === TEXT
    this.#fragments = []
    this.#fragmentsLength = 0
    this.#opcode = CONTINUATION
    const message = isText ? decode(whole) : whole
    if (message === null) return 1007
    this.onMessage(message)
    return 0
  }

  #takeClose(payload) {
    if (payload.length === 1) return 1002
    if (payload.length >= 2 && !isCloseCode(payload.readUInt16BE(0))) return 1002
    if (decode(payload.subarray(2)) === null) return 1007
    // §5.5.1: answer with the same code, unless this is already the answer. Then the server hangs up first (§7.1.1).
    if (!this.#sentClose) this.#write(CLOSE, payload.subarray(0, 2))
    this.#sentClose = true
    this.#socket.end()
    this.#destroySoon()
    return 0
  }

  /** §7.1.7: say why, and go. Whatever else arrives is not looked at. */
  #fail(code) {
    this.close(code)
    this.#received = Buffer.alloc(0)
    this.#socket.removeAllListeners('data')
    this.#socket.resume()
    this.#socket.end()
  }

  #write(opcode, payload) {
    if (this.#socket.writableLength > MAX_UNSENT) this.#socket.destroy()
    if (!this.#socket.writable) return 0
    const length = payload.length
    const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
    header[0] = 0x80 | opcode
    header[1] = length < 126 ? length : length < 65_536 ? 126 : 127
    if (header.length === 4) header.writeUInt16BE(length, 2)
    if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2)
    this.#socket.write(Buffer.concat([header, payload]))
    return 0
  }
}

/** §7.4: the codes a peer may send. */
function isCloseCode(code) {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text, or null when the bytes are not UTF-8. */
function decode(bytes) {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}
