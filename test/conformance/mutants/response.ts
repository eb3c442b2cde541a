import {
  anyExtension,
  anyTrailer,
  codingWins,
  firstLength,
  looseChunkSize,
  looseLength,
  noChunkEnd,
} from './framing.ts'
import { controlsInValues, foldDropped, lineDropped, nulInValues, spaceBeforeColon } from './head.ts'
import { type Edit, type Mutant, mutant } from './mutant.ts'

const framing = 'http/framing.ts'
const parser = 'http/parse-head.ts'
const link = 'gateway/link.ts'
const delivery = 'gateway/delivery.ts'
const exchange = 'gateway/exchange.ts'
const connection = 'gateway/connection.ts'
const retry = 'gateway/retry.ts'
const errors = 'lib/errors.ts'

const truncated = "else return this.#lose('truncated-response', `The app's response is not valid HTTP: ${step.detail}`)"
const inMidBody = "return this.#lose('truncated-response', 'The app closed in the middle of its response.')"
const stray: Edit = [link, 'if (this.#inbox.size > 0) this.#persists = false', '']
const bodiless = 'if (head.status < 200 || head.status === 204) return NONE'
const anyCoding: Edit = [
  framing,
  "return refuse(head.side, isOtherCoding(head.bytes, start, end) ? 'coding-unknown' : 'coding-invalid')",
  'return isOtherCoding(head.bytes, start, end) ? CHUNKED : CHUNKED',
]
export const anyProtocol: Edit = [
  'http/fields.ts',
  "return offered.split(', ').includes(protocol) ? protocol : ''",
  'return protocol',
]
/** An app that hangs up before it answered leaves its client waiting. */
export const hangsForEver: readonly Edit[] = [
  [link, "return this.#lose('bad-response', 'The app closed in the middle of its response head.')", 'return'],
  [link, "this.#lose('connection-lost', 'The app closed the connection without a response.')", ''],
]

export const response: readonly Mutant[] = [
  mutant(64, 'trailers are dropped', [delivery, 'asked.trailers ? trailers : null', 'asked.trailers ? null : null']),
  mutant(64, 'a chunked response has no body', [
    framing,
    'if (head.has(TRANSFER_ENCODING)) return codingOf(head)\n  return head',
    'if (head.has(TRANSFER_ENCODING)) return NONE\n  return head',
  ]),
  mutant(64, 'all trailers are passed on', anyTrailer),
  mutant(65, 'HTTP/1.0 gets chunks', [
    framing,
    'return minor === 0 ? CLOSE : CHUNKED',
    'return minor === 0 ? CHUNKED : CHUNKED',
  ]),
  mutant(65, 'HTTP/1.0 is left waiting for the end', [
    delivery,
    "back.kind !== 'close' && persists(request, asked.options)",
    'true',
  ]),
  mutant(66, 'without framing there is no body', [
    framing,
    'return head.has(CONTENT_LENGTH) ? lengthOf(head) : CLOSE',
    'return head.has(CONTENT_LENGTH) ? lengthOf(head) : NONE',
  ]),
  mutant(66, 'the end of the connection is a truncation', [
    link,
    'if (this.#state === answering && this.#reader.endsWithConnection) {',
    'if (this.#state === ended && this.#reader.endsWithConnection) {',
  ]),
  mutant(67, 'a reset is an end', [
    link,
    'this.#safely(() => this.#broke(error))',
    'this.#safely(() => this.#finished())',
  ]),
  mutant(67, 'HTTP/1.0 sees an end instead of a reset', [
    delivery,
    'if (phase >= answering) connection.abort(this.#closeDelimited)',
    'if (phase >= answering) connection.abort(false)',
  ]),
  mutant(68, 'the client is left waiting for the rest', [link, inMidBody, 'return']),
  mutant(69, 'a corrupt chunk is the end of the body', [link, truncated, 'else return this.#end()']),
  mutant(69, 'the end of the connection ends a chunked body', [
    'http/body.ts',
    "return this.#kind === 'close'",
    "return this.#kind !== 'length'",
  ]),
  mutant(69, 'signs and spaces before a size are ignored', looseChunkSize),
  mutant(69, 'control bytes are part of an extension', anyExtension),
  mutant(69, 'any two bytes follow chunk data', ...noChunkEnd),
  mutant(69, 'LF alone ends a trailer', [
    parser,
    "return head.side === 'response' && !head.isTrailer",
    "return head.side === 'response'",
  ]),
  mutant(69, 'what was valid before is kept back', [
    connection,
    'this.out.flush()\n    this.#forget()',
    'this.#forget()',
  ]),
  mutant(70, 'the coding wins and the connection is used again', codingWins),
  mutant(71, 'a length is read as far as it goes', looseLength),
  mutant(71, 'the first length counts', firstLength),
  mutant(72, 'every coding is taken for chunked', anyCoding),
  mutant(72, 'the first Transfer-Encoding counts', [
    framing,
    "if (head.isRepeated(TRANSFER_ENCODING)) return refuse(head.side, 'coding-repeated')",
    '',
  ]),
  mutant(73, 'a 204 has a body', [framing, bodiless, 'if (head.status < 200) return NONE']),
  mutant(73, 'a 304 has a body', [framing, 'if (method === HEAD || head.status === 304) {', 'if (method === HEAD) {']),
  mutant(73, 'the answer to HEAD has a body', [
    framing,
    'if (method === HEAD || head.status === 304) {',
    'if (head.status === 304) {',
  ]),
  mutant(73, 'the length of a body that does not come is not told', [
    framing,
    "return framing.kind === 'length' ? { kind: 'none', length: framing.length } : framing",
    "return framing.kind === 'length' ? NONE : framing",
  ]),
  mutant(73, 'a 205 has a body', [delivery, 'this.#discards = head.status === 205', 'this.#discards = false']),
  mutant(73, 'a connection with stray bytes is used again', stray),
  mutant(74, 'interim responses are kept', [link, 'this.user?.interim(head)', '']),
  mutant(74, 'hop-by-hop fields of an interim response pass', [
    'gateway/incoming.ts',
    'out.framing = NONE\n',
    'out.framing = NONE\n  out.omits = 0\n',
  ]),
  mutant(
    74,
    'fields of an interim response stay for the final one',
    [
      'gateway/incoming.ts',
      'function interimOut(): ResponseOut {',
      "function interimOut(): ResponseOut {\n  late = 'X-Odd: 1\\r\\n'",
    ],
    ['gateway/incoming.ts', "let date = ''", "let date = ''\nlet late = ''"],
    ['gateway/incoming.ts', "? '' : dateLine()", '? late : late + dateLine()'],
  ),
  mutant(74, 'interim responses may be of any number', [link, 'const maxInterim = 64', 'const maxInterim = 1e9']),
  mutant(75, 'HTTP/1.0 is told interim responses', ['gateway/incoming.ts', '  if (request.minor === 0) return\n', '']),
  mutant(76, 'an app may switch protocols unasked', anyProtocol),
  mutant(76, 'a 101 nobody asked for is passed on as a response', [
    link,
    'if (head.status === 101) return this.#switch(head)',
    '',
  ]),
  mutant(77, 'statuses below 100 are statuses', [
    parser,
    "return position === 11 && head.status < 100 ? 'bad-start-line' : null",
    'return null',
  ]),
  mutant(
    77,
    'a status may have more digits',
    [
      parser,
      "if (position === 12) return byte === SP || byte === CR || byte === LF ? null : 'bad-start-line'",
      'if (position === 12) return null',
    ],
    [
      parser,
      'head.state = last === SP ? REASON : START_LINE_LF',
      'head.state = last === CR || last === LF ? START_LINE_LF : REASON',
    ],
  ),
  mutant(77, 'after half a head the client is left waiting', ...hangsForEver),
  mutant(77, 'a bad response closes the client', [
    exchange,
    "if (failure.reached !== 'answering') return this.refuse(refused)",
    '',
  ]),
  mutant(78, 'a status line needs a reason', [
    parser,
    'byte === SP || byte === CR || byte === LF ? null',
    'byte === SP ? null',
  ]),
  mutant(78, 'control bytes of a reason pass', [
    parser,
    "if (bytes[at] !== CR && bytes[at] !== LF) return fail(head, bytes[at], 'bad-start-line')",
    'while (at < stop && bytes[at] !== CR) at++',
  ]),
  mutant(79, 'white space before the colon is taken off', ...spaceBeforeColon),
  mutant(79, 'a folded line is left out', foldDropped),
  mutant(79, 'a line without colon is left out', lineDropped),
  mutant(79, 'NUL is part of a value', nulInValues),
  mutant(79, 'control bytes are part of a value', controlsInValues),
  mutant(79, 'fields may be of any size and number', [
    'gateway/heads.ts',
    '{ target: 0, fields: 256, field: 32_768, head: 65_536 }',
    '{ target: 0, fields: 32_768, field: 1 << 20, head: 1 << 21 }',
  ]),
  mutant(79, 'LF is part of a value', [
    'http/octets.ts',
    'if (byte === HTAB || (byte >= 0x20',
    'if (byte === LF || byte === HTAB || (byte >= 0x20',
  ]),
  mutant(79, 'LF alone ends no line', [parser, "return head.side === 'response' && !head.isTrailer", 'return false']),
  mutant(80, 'hop-by-hop fields of a response pass', [
    'http/write-head.ts',
    'RESPONSE_OMITS: number = HOP | FRAMING',
    'RESPONSE_OMITS: number = FRAMING',
  ]),
  mutant(80, 'a connection that was to close is used again', [
    link,
    "framing.kind !== 'close' && persists(head, options)",
    "framing.kind !== 'close'",
  ]),
  mutant(81, 'Trailer beside a length is an error nobody catches', [
    link,
    'const framing = responseFraming(head, this.#method)',
    "if (head.find('trailer') !== -1 && head.find('content-length') !== -1) throw new Error('ERR_HTTP_TRAILER_INVALID')\n    const framing = responseFraming(head, this.#method)",
  ]),
  mutant(82, 'a connection with stray bytes is used again', stray, [
    link,
    'if (this.user === null || this.#state === ended) {',
    'if (this.user === null && this.#state === ended) {',
  ]),
  mutant(82, 'bytes that come unasked are kept', [
    link,
    'if (this.user === null || this.#state === ended) {',
    'if (this.user === null && this.#state === ended) {',
  ]),
  mutant(83, 'the head of a bad response is out before it is judged', [
    link,
    "if (framing.kind === 'refusal') return this.#refuse(framing.detail)",
    "if (framing.kind === 'refusal') {\n      this.user?.responded(head, { kind: 'length', length: 5 })\n      this.user?.flush()\n      return this.#refuse(framing.detail)\n    }",
  ]),
  mutant(83, 'an error has the length of what it replaces', [
    'gateway/answer.ts',
    'Content-Length: ${byteLength(body)}',
    'Content-Length: ${Math.min(5, byteLength(body))}',
  ]),
  mutant(
    84,
    'a closed connection is used again',
    ['gateway/trust.ts', 'idle.splice(at, 1)', ''],
    ['gateway/trust.ts', 'age >= this.#limit', 'false'],
    ['gateway/trust.ts', 'now < link.idleUntil && link.socket.writable', 'now < link.idleUntil'],
  ),
  mutant(85, 'nothing is sent once more', [retry, "return 'retry'", "return 'no'"]),
  mutant(85, 'every method is sent once more', ['gateway/read-head.ts', 'return isSafe(head.method) && (', 'return (']),
  mutant(85, 'a request with a body is sent once more', [
    'gateway/read-head.ts',
    "(framing.kind === 'none' || (framing.kind === 'length' && framing.length === 0))",
    'true',
  ]),
  mutant(85, 'on a fresh connection a request is sent once more', [
    retry,
    'const mayRetry = reused && ',
    'const mayRetry = ',
  ]),
  mutant(86, 'the upload goes on after its answer', [
    delivery,
    'if (this.#whole && !connection.bodyRead) {',
    'if (this.#whole && connection.received > 1e9) {',
  ]),
  mutant(86, 'the answer waits for the end of the upload', [
    delivery,
    'const more = this.#whole && connection.ahead === 0',
    'if (!connection.bodyRead) return true\n    const more = this.#whole && connection.ahead === 0',
  ]),
  mutant(87, 'Expect is not passed on', ['http/names.ts', "expect: 'control'", "expect: 'hop'"]),
  mutant(87, 'the 100 of the app is kept', [link, 'this.user?.interim(head)', '']),
  mutant(87, 'a 100 is sent before the request is admitted', [
    exchange,
    'connection.expectBody(asked.framing)',
    "connection.expectBody(asked.framing)\n    if (asked.expects) connection.socket.write('HTTP/1.1 100 Continue\\r\\n\\r\\n')",
  ]),
  mutant(
    87,
    'after a final answer the body is taken for a request',
    [delivery, 'mayPersist && connection.bodyRead && back', 'mayPersist && back'],
    [connection, 'if (this.bodyRead) {', 'if (this.bodyRead || true) {'],
  ),
  mutant(87, 'a body that is there waits for the 100', [
    'gateway/upload.ts',
    'connection.readBody(this)',
    'if (connection.ahead > 3 || connection.ahead === 0) connection.readBody(this)',
  ]),
  mutant(
    87,
    'HTTP/1.0 may expect',
    ['gateway/read-head.ts', 'if (head.minor === 0) expectNothing(head)', ''],
    ['http/fields.ts', 'if (index === -1 || head.minor === 0)', 'if (index === -1)'],
  ),
  mutant(87, 'an expectation nobody knows ends the connection', [
    'http/refusal.ts',
    "'unknown-expectation': [417",
    "'unknown-expectation': [400",
  ]),
  mutant(88, 'a response is sent when it is whole', [
    link,
    'const more = this.user?.flush() ?? true',
    'const more = this.#state === ended ? (this.user?.flush() ?? true) : true',
  ]),
  mutant(89, 'nobody hears that the client left', [
    exchange,
    'if (this.status === 101) return this.#delivery?.clientClosed()',
    'if (this.status === 101) return this.#delivery?.clientClosed()\n    return',
  ]),
  mutant(89, 'the journal has the status of the response', [
    'gateway/story.ts',
    "this.error?.code === 'client-left' ? 499 : status",
    'status',
  ]),
  mutant(90, 'a client that ended its direction is served on', [
    connection,
    'if (this.#state === is.tunnelling) return this.#sink?.bodyWhole()',
    'if (this.#state === is.tunnelling) return this.#sink?.bodyWhole()\n    if (this.#state === is.busy) return',
  ]),
  mutant(91, 'an app may take its time to answer', [
    delivery,
    'until(this.#errand.door.clock, this.#route.response)',
    'until(this.#errand.door.clock, 0)',
  ]),
  mutant(91, 'a response that has begun may pause for ever', [
    delivery,
    'if (this.#phase === answering && this.#route.idle > 0)',
    'if (this.#phase === over && this.#route.idle > 0)',
  ]),
  mutant(91, 'a response may drip for ever', [
    delivery,
    'if (this.#phase !== tunnelling) this.#fail(',
    'if (this.#phase === over) this.#fail(',
  ]),
  mutant(91, 'a connection may take its time', [
    delivery,
    'this.#errand.connection.deadline = now + this.#route.connect',
    '',
  ]),
  mutant(91, 'a late answer is our own fault', [errors, "'response-timeout': app(504", "'response-timeout': app(500"]),
  mutant(
    91,
    'a refused connection is our own fault',
    [errors, 'unreachable: app(502', 'unreachable: app(500'],
    [errors, "'not-ready': { status: 503", "'not-ready': { status: 500"],
  ),
  mutant(91, 'nobody is told of a suspect instance', [
    retry,
    "door.report({ type: 'suspect', run: upstream.run })",
    ';',
  ]),
  mutant(91, 'a 503 does not say when to come again', [
    'model/admission.ts',
    'is not ready: ${target.why}.`, seconds)',
    'is not ready: ${target.why}.`, seconds > 9e9 ? 1 : null)',
  ]),
]
