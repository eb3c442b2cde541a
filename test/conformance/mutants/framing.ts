import { anyToken, bareCr, bareLf, lineDropped } from './head.ts'
import { type Edit, type Mutant, mutant } from './mutant.ts'

const framingFile = 'http/framing.ts'
const chunks = 'http/chunked.ts'
const connection = 'gateway/connection.ts'
const outgoing = 'gateway/outgoing.ts'

const both = "if (head.has(CONTENT_LENGTH)) return refuse(head.side, 'length-and-coding')"
const oneCoding = "if (spells(head.bytes, start, end, 'chunked')) return CHUNKED"
const badSize = 'if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON)) return this.#refuseSize(byte)'
const invalidLength = "return length === -1 ? refuse(head.side, 'length-invalid') : { kind: 'length', length }"

/** Both fields may be there, the coding wins. */
export const codingWins: Edit = [framingFile, both, '']
/** A length is read as far as it goes. */
export const looseLength: Edit = [
  framingFile,
  invalidLength,
  "return { kind: 'length', length: length === -1 ? Math.abs(Number.parseInt(head.text(head.valueStart(index), head.valueEnd(index)), 10)) || 0 : length }",
]
export const firstLength: Edit = [
  framingFile,
  "if (head.isRepeated(CONTENT_LENGTH)) return refuse(head.side, 'length-repeated')",
  '',
]
export const looseChunkSize: Edit = [
  chunks,
  badSize,
  `if (' \\t+-_"'.includes(String.fromCharCode(byte)) && this.#digits === 0) { at++; break }\n            ${badSize}`,
]
export const lfEndsChunkSize: Edit = [
  chunks,
  badSize,
  'if (byte === LF && this.#digits > 0) { this.#state = this.#size === 0 ? TRAILER_START : DATA; at++; break }\n            ' +
    badSize,
]
export const noChunkEnd: readonly Edit[] = [
  [chunks, "if (byte !== CR) return refuse(this.#side, 'bad-chunk-end')", ''],
  [chunks, "if (byte !== LF) return refuse(this.#side, 'bad-chunk-end')", ''],
]
export const anyExtension: Edit = [
  chunks,
  "if (((CLASS[byte] as number) & VALUE) === 0) return refuse(this.#side, 'bad-chunk-line')",
  '',
]
/** The last check before trailers are written. */
export const anyTrailer: Edit = [
  'http/write-head.ts',
  'if (trailers.names[index] === UNKNOWN_NAME && trailers.omitted[index] === 0)',
  '',
]

export const framing: readonly Mutant[] = [
  mutant(27, 'the coding wins over a length', codingWins),
  mutant(28, 'the coding wins over a length behind it', [
    framingFile,
    both,
    "if (head.has(CONTENT_LENGTH) && head.indexOf(CONTENT_LENGTH) < head.indexOf(TRANSFER_ENCODING)) return refuse(head.side, 'length-and-coding')",
  ]),
  mutant(29, 'HTTP/1.0 may be chunked', [
    framingFile,
    "if (head.minor === 0) return refuse(head.side, 'coding-in-old-version')",
    '',
  ]),
  mutant(30, 'what holds the word is chunked', [
    framingFile,
    oneCoding,
    'if (/chunked/i.test(head.text(start, end))) return CHUNKED',
  ]),
  mutant(30, 'identity means no body', [
    framingFile,
    oneCoding,
    `${oneCoding}\n  if (spells(head.bytes, start, end, 'identity')) return NONE`,
  ]),
  mutant(30, 'an unknown coding is no coding', [
    framingFile,
    "return refuse(head.side, isOtherCoding(head.bytes, start, end) ? 'coding-unknown' : 'coding-invalid')",
    'return isOtherCoding(head.bytes, start, end) ? NONE : NONE',
  ]),
  mutant(31, 'empty members of the list are ignored', [
    framingFile,
    oneCoding,
    'if (/^[\\s,]*chunked[\\s,]*$/i.test(head.text(start, end))) return CHUNKED',
  ]),
  mutant(31, 'the last coding of the list counts', [
    framingFile,
    oneCoding,
    'if (/(^|, *)chunked$/i.test(head.text(start, end))) return CHUNKED',
  ]),
  mutant(32, 'chunked is told apart by case', [
    framingFile,
    oneCoding,
    "if (head.text(start, end) === 'chunked') return CHUNKED",
  ]),
  mutant(32, 'HTAB before a value stays', [
    'http/parse-head.ts',
    'while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++',
    'while (at < stop && bytes[at] === SP) at++',
  ]),
  mutant(33, 'the first Transfer-Encoding counts', [
    framingFile,
    "if (head.isRepeated(TRANSFER_ENCODING)) return refuse(head.side, 'coding-repeated')",
    '',
  ]),
  mutant(34, 'a bare CR hides a coding in a value', bareCr),
  mutant(34, 'LF alone ends a field line', bareLf),
  mutant(35, 'names with an underscore pass', ['http/write-head.ts', 'IDENTITY | TRACE | ALIAS', 'IDENTITY | TRACE']),
  mutant(35, 'names may hold 8-bit bytes', anyToken),
  mutant(36, 'a length is read as far as it goes', looseLength),
  mutant(36, 'a length may be of any size', [framingFile, 'if (value > Number.MAX_SAFE_INTEGER) return -1', '']),
  mutant(36, 'an empty length is 0', [framingFile, 'if (start === end) return -1', 'if (start === end) return 0']),
  mutant(37, 'leading zeros are refused', [
    framingFile,
    'if (start === end) return -1',
    'if (start === end || (end - start > 1 && bytes[start] === 0x30)) return -1',
  ]),
  mutant(37, 'a length is octal when it begins with 0', [
    framingFile,
    invalidLength,
    "return length === -1 ? refuse(head.side, 'length-invalid') : { kind: 'length', length: head.bytes[head.valueStart(index)] === 0x30 ? 8 * length : length }",
  ]),
  mutant(37, 'white space behind a value stays', [
    'http/octets.ts',
    'while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--',
    '',
  ]),
  mutant(38, 'the first length counts', firstLength),
  mutant(39, 'signs and spaces before a size are ignored', looseChunkSize),
  mutant(39, 'no digits are 0', [
    chunks,
    badSize,
    'if (byte !== CR && byte !== SEMICOLON) return this.#refuseSize(byte)',
  ]),
  mutant(39, 'other letters end a size', [
    chunks,
    badSize,
    'if (this.#digits > 0 && byte !== CR && byte !== SEMICOLON) { at++; break }\n            ' + badSize,
  ]),
  mutant(
    39,
    'a size may be of any number of digits',
    [chunks, "if (++this.#digits > MAX_DIGITS) return refuse(this.#side, 'chunk-too-large')", 'this.#digits++'],
    [
      chunks,
      "if (this.#size > Number.MAX_SAFE_INTEGER) return refuse(this.#side, 'chunk-too-large')",
      'this.#size %= 2 ** 32',
    ],
  ),
  mutant(40, 'any two bytes follow chunk data', ...noChunkEnd),
  mutant(40, 'any byte stands for the CR', noChunkEnd[0] as Edit),
  mutant(40, 'any byte stands for the LF', noChunkEnd[1] as Edit),
  mutant(41, 'extensions are refused', [chunks, 'byte !== CR && byte !== SEMICOLON', 'byte !== CR']),
  mutant(
    41,
    'extensions may be of any size',
    [chunks, 'const MAX_EXTENSION = 1024', 'const MAX_EXTENSION = 1e9'],
    [chunks, 'const MAX_OVERHEAD = 16_384', 'const MAX_OVERHEAD = 1e9'],
  ),
  mutant(41, 'small extensions may be of any number', [
    chunks,
    'const MAX_OVERHEAD = 16_384',
    'const MAX_OVERHEAD = 1e9',
  ]),
  mutant(42, 'control bytes are part of an extension', anyExtension),
  mutant(42, 'LF alone ends the line of a size', lfEndsChunkSize),
  mutant(42, 'any byte stands for the LF', [
    chunks,
    "if (byte !== LF) return refuse(this.#side, 'bad-chunk-line')",
    '',
  ]),
  mutant(42, 'white space begins an extension', [
    chunks,
    '(byte !== CR && byte !== SEMICOLON)',
    '(byte !== CR && byte !== SEMICOLON && byte !== 0x20 && byte !== 9)',
  ]),
  mutant(42, 'any byte stands for the last LF', [chunks, "if (byte !== LF) return refuse(this.#side, 'bare-cr')", '']),
  mutant(43, 'leading zeros of a size are refused', [chunks, 'const MAX_DIGITS = 16', 'const MAX_DIGITS = 4']),
  mutant(43, 'sizes are in lower case', ['http/octets.ts', 'table[digit.toUpperCase().charCodeAt(0)] = value', '']),
  mutant(43, 'trailers are refused', [
    chunks,
    'this.#beginTrailers()\n',
    "return refuse(this.#side, 'bad-chunk-line')\n",
  ]),
  mutant(
    44,
    'all trailers are passed on',
    [connection, 'this.bodyRead = true', 'this.bodyRead = true; (globalThis as any).trailers = this.#reader.trailers'],
    ['gateway/upload.ts', 'this.#link.out.last(null)', 'this.#link.out.last((globalThis as any).trailers)'],
    anyTrailer,
  ),
  mutant(45, 'a line that is no trailer is left out', lineDropped),
  mutant(46, 'DELETE and OPTIONS lose their framing', [
    outgoing,
    'out.framing = asked.framing',
    "out.framing = head.method === 5 || head.method === 6 ? { kind: 'length', length: 0 } : asked.framing",
  ]),
  mutant(46, 'the framing is that of the last request', [
    outgoing,
    'out.framing = asked.framing',
    "if (out.framing.kind !== 'length') out.framing = asked.framing",
  ]),
  mutant(47, 'a POST without a length goes on until the end', [
    framingFile,
    'if (!head.has(CONTENT_LENGTH)) return NONE',
    'if (!head.has(CONTENT_LENGTH)) return head.method === 3 ? CLOSE : NONE',
  ]),
  mutant(48, 'pipelined requests are served side by side', [
    connection,
    'inbox.at = head.end\n    this.#state = is.busy',
    'inbox.at = head.end\n    this.#head = null',
  ]),
  mutant(48, 'the caller of a connection is who called first', [
    'gateway/exchange.ts',
    'this.#identity = identify(showing, door.credentials, door.sessions)',
    'this.#identity = (connection as any).who ??= identify(showing, door.credentials, door.sessions)',
  ]),
  mutant(49, 'what was not read of a body is the next request', [
    connection,
    'if (this.bodyRead) {',
    'if (this.bodyRead || true) {',
  ]),
  mutant(49, 'behind a malformed body the next request is read', [
    connection,
    'else this.close()\n        return false',
    'else { this.bodyRead = true; this.next() }\n        return false',
  ]),
  mutant(
    49,
    'a body nobody wants is read to its end',
    ['gateway/client-state.ts', 'maxLeftover: number = 1024 * 1024', 'maxLeftover: number = 1e12'],
    ['gateway/client-state.ts', 'lingerTime: number = 2_000', 'lingerTime: number = 600_000'],
  ),
  mutant(50, 'the end of the connection is the end of the body', [
    connection,
    'if (this.#state === is.tunnelling) return this.#sink?.bodyWhole()',
    'if (this.#state === is.tunnelling || this.#state === is.inBody) return this.#sink?.bodyWhole()',
  ]),
]
