import { BodyReader } from '../../src/http/body.ts'
import {
  acceptsTrailers,
  checkSingletons,
  offeredProtocols,
  persists,
  readConnection,
  readExpectation,
} from '../../src/http/fields.ts'
import { NONE, requestFraming, responseFraming, type Framing } from '../../src/http/framing.ts'
import { Head, type HeadLimits } from '../../src/http/head.ts'
import { GET, findMethod } from '../../src/http/method.ts'
import { parseHead } from '../../src/http/parse-head.ts'
import { refuse, type Refusal } from '../../src/http/refusal.ts'
import { checkTarget, hostOf, pathOf } from '../../src/http/request-target.ts'
import {
  REQUEST_OMITS,
  RESPONSE_OMITS,
  lastChunkBound,
  requestBound,
  responseBound,
  writeLastChunk,
  writeRequest,
  type ResponseOut,
  writeResponse,
} from '../../src/http/write-head.ts'

export interface ReadMessage {
  /** Method and path, or the status. */
  readonly start: string
  readonly host: string
  readonly fields: readonly string[]
  readonly framing: Framing
  readonly persists: boolean
  readonly upgrade: string
  readonly body: string
  readonly trailers: readonly string[]
  /** The same head as we would send it on. */
  readonly rebuilt: string
}

export interface Reading {
  readonly messages: readonly ReadMessage[]
  /** How the stream ended: between two messages, inside one, or at bytes that were refused. */
  readonly end: 'between' | 'inside' | Refusal
}

export interface Wire {
  readonly side?: 'request' | 'response'
  /** Of the request that is answered. */
  readonly method?: string
  readonly limits?: HeadLimits
  /** Where the stream is cut into reads. */
  readonly cuts?: readonly number[]
}

/** Reads a whole stream as one end of a connection would: in pieces, each in memory of its own that is then reused. */
export function readWire(stream: string | Uint8Array, wire: Wire = {}): Reading {
  const bytes = typeof stream === 'string' ? Buffer.from(stream, 'latin1') : Buffer.from(stream)
  const end = new WireEnd(wire)
  const cuts = [...new Set(wire.cuts ?? [])].filter((cut) => cut > 0 && cut < bytes.length).sort((a, b) => a - b)
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, to))
    end.read(piece)
    // Whoever keeps offsets into memory that was given back sees this.
    piece.fill('!')
    from = to
  }
  return end.finish()
}

/** The code of the refusal with which a stream ends, or how it ended otherwise. */
export function endOf(reading: Reading): string {
  return typeof reading.end === 'string' ? reading.end : reading.end.code
}

/** The outcome in one comparable value. */
export function outcome(reading: Reading): unknown {
  return { messages: reading.messages, end: reading.end }
}

class WireEnd {
  readonly #side: 'request' | 'response'
  readonly #method: number
  readonly #head: Head
  readonly #body = new BodyReader()
  readonly #messages: ReadMessage[] = []
  #held: Buffer = Buffer.alloc(0)
  #inBody = false
  #started = false
  #refusal: Refusal | null = null
  #data: Buffer[] = []
  #draft: Omit<ReadMessage, 'body' | 'trailers'> | null = null

  constructor(wire: Wire) {
    this.#side = wire.side ?? 'request'
    const method = Buffer.from(wire.method ?? 'GET')
    this.#method = wire.method === undefined ? GET : findMethod(method, 0, method.length)
    this.#head = new Head(wire.limits)
  }

  read(piece: Buffer): void {
    let at = 0
    for (;;) {
      if (this.#refusal !== null) return
      if (this.#inBody) {
        const step = this.#body.read(piece, at, piece.length)
        at = this.#body.at
        if (step === 'data') this.#data.push(Buffer.from(piece.subarray(this.#body.start, this.#body.end)))
        else if (step === 'more') return
        else if (step === 'end') this.#finishMessage()
        else this.#refusal = step
        continue
      }
      if (at === piece.length) return
      at = this.#readHead(piece, at)
      if (at === -1) return
    }
  }

  finish(): Reading {
    if (this.#inBody && this.#body.endsWithConnection) this.#finishMessage()
    const isInside = this.#inBody || this.#started
    return { messages: this.#messages, end: this.#refusal ?? (isInside ? 'inside' : 'between') }
  }

  #readHead(piece: Buffer, at: number): number {
    const head = this.#head
    let bytes = piece
    let before = 0
    if (!this.#started) {
      if (this.#side === 'request') head.beginRequest(at)
      else head.beginResponse(at)
      this.#started = true
    } else {
      before = this.#held.length
      bytes = Buffer.concat([this.#held, piece.subarray(at)])
      head.moveTo(bytes, 0)
    }
    const step = parseHead(head, bytes, bytes.length)
    if (step === 'more') {
      this.#held = Buffer.from(bytes.subarray(head.start))
      return -1
    }
    if (step !== 'done') {
      this.#refusal = step
      return -1
    }
    this.#started = false
    this.#refusal = this.#acceptHead()
    return bytes === piece ? head.end : at + head.end - before
  }

  #acceptHead(): Refusal | null {
    const head = this.#head
    const isRequest = this.#side === 'request'
    const refused = isRequest ? (checkTarget(head, 'http') ?? checkSingletons(head)) : null
    if (refused !== null) return refused
    const options = readConnection(head)
    if (options === -1) return refuse(this.#side, 'bad-connection-field')
    const expectation = isRequest ? readExpectation(head) : 'none'
    if (typeof expectation === 'object') return expectation
    const framing = isRequest ? requestFraming(head) : responseFraming(head, this.#method)
    if (framing.kind === 'refusal') return framing
    this.#draft = {
      start: isRequest ? `${head.methodText()} ${pathOf(head)}` : String(head.status),
      host: isRequest ? hostOf(head) : '',
      fields: fieldsOf(head),
      framing,
      persists: persists(head, options) && framing.kind !== 'close',
      upgrade: offeredProtocols(head, options),
      rebuilt: isRequest ? rebuildRequest(head, framing) : rebuildResponse(head, framing),
    }
    this.#data = []
    this.#inBody = true
    this.#body.begin(framing, this.#side)
    return null
  }

  #finishMessage(): void {
    this.#inBody = false
    if (this.#draft === null) return
    const trailers = this.#body.trailers
    this.#messages.push({
      ...this.#draft,
      body: Buffer.concat(this.#data).toString('latin1'),
      trailers: trailers === null ? [] : fieldsOf(trailers),
    })
  }
}

export function fieldsOf(head: Head): string[] {
  const fields: string[] = []
  for (let index = 0; index < head.count; index++) {
    const name = head.text(head.nameStart(index), head.nameEnd(index))
    fields.push(`${name}: ${head.text(head.valueStart(index), head.valueEnd(index))}`)
  }
  return fields
}

function rebuildRequest(head: Head, framing: Framing): string {
  const how = {
    target: pathOf(head),
    authority: head.text(head.authorityStart, head.authorityEnd) || 'fallback',
    framing,
    omits: REQUEST_OMITS,
    added: '',
    pieces: [],
    edits: null,
    upgrade: '',
    trailers: acceptsTrailers(head),
  }
  const out = Buffer.alloc(requestBound(head, how))
  return out.toString('latin1', 0, writeRequest(out, 0, head, how))
}

/** Nothing is added, taken out beyond what always is, or changed. */
export const plainResponse: ResponseOut = {
  framing: NONE,
  omits: RESPONSE_OMITS,
  added: '',
  pieces: [],
  edits: null,
  upgrade: '',
  connection: '',
}

function rebuildResponse(head: Head, framing: Framing): string {
  const how: ResponseOut = { ...plainResponse, framing }
  const out = Buffer.alloc(responseBound(head, how))
  return out.toString('latin1', 0, writeResponse(out, 0, head, how))
}

/** A last chunk as we would send it on. */
export function rebuildLastChunk(trailers: Head | null): string {
  const out = Buffer.alloc(lastChunkBound(trailers))
  return out.toString('latin1', 0, writeLastChunk(out, 0, trailers))
}
