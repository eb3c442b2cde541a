import { type Edit, type Mutant, mutant } from './mutant.ts'

const parser = 'http/parse-head.ts'
const octets = 'http/octets.ts'
const target = 'http/request-target.ts'

const colon = 'if (bytes[at] !== COLON || at === offsets[slot]) return badName'
const limits = '{ target: 8192, fields: 128, field: 16_384, head: 32_768 }'

/** A CR without LF is a byte of a value like any other. */
export const bareCr: Edit = [
  parser,
  "return refuse(head.side, 'bare-cr')\n    at++",
  "{ if (state === FINAL_LF) return refuse(head.side, 'bare-cr'); state = CONTENT; continue }\n    at++",
]
/** LF alone ends a line, also of a request. */
export const bareLf: Edit = [parser, "return head.side === 'response' && !head.isTrailer", 'return true']
/** A line that is no field is left out. */
export const lineDropped: Edit = [
  parser,
  colon,
  'if (bytes[at] !== COLON) { while (bytes[at] !== LF) at++; at++; state = LINE_START; continue }\n      ' + colon,
]
export const foldDropped: Edit = [
  parser,
  "if (first === SP || first === HTAB) return refuse(head.side, 'folded-line')",
  'if (first === SP || first === HTAB) { while (at < end && bytes[at] !== LF) at++; at++; continue }',
]
export const spaceBeforeColon: readonly Edit[] = [
  [parser, colon, `const nameEnd = at\n      while (bytes[at] === SP || bytes[at] === HTAB) at++\n      ${colon}`],
  [parser, 'offsets[slot + 1] = at++', 'offsets[slot + 1] = nameEnd; at++'],
]
export const nulInValues: Edit = [
  octets,
  'if (byte === HTAB || (byte >= 0x20',
  'if (byte === 0 || byte === HTAB || (byte >= 0x20',
]
export const controlsInValues: Edit = [
  octets,
  'if (byte === HTAB || (byte >= 0x20 && byte !== 0x7f))',
  'if (byte !== 0 && byte !== 0x0a && byte !== 0x0d)',
]
/** What is no token passes as one, but for spaces, controls and colons. */
export const anyToken: Edit = [
  octets,
  '.test(character)) bits |= TCHAR',
  `.test(character) || '"(),/@[]{}'.includes(character) || byte > 0x7e) bits |= TCHAR`,
]

const trailingZeroVersion: Edit = [parser, "'version-not-supported' : 'bad-version'", "null : 'bad-version'"]

export const head: readonly Mutant[] = [
  mutant(1, 'LF alone ends a field line', bareLf),
  mutant(1, 'LF alone ends a head', [
    parser,
    'if (first === CR || (first === LF && takesLf(head))) {',
    'if (first === CR || first === LF) {',
  ]),
  mutant(2, 'a bare CR is part of a value', bareCr),
  mutant(3, 'NUL is part of a value', nulInValues),
  mutant(4, 'control bytes are part of a value', controlsInValues),
  mutant(4, 'DEL is part of a value', [
    octets,
    '(byte >= 0x20 && byte !== 0x7f)) bits |= VALUE',
    'byte >= 0x20) bits |= VALUE',
  ]),
  mutant(4, 'bytes above 0x7f are refused', [
    octets,
    '(byte >= 0x20 && byte !== 0x7f)) bits |= VALUE',
    '(byte >= 0x20 && byte < 0x7f)) bits |= VALUE',
  ]),
  mutant(4, 'HTAB is refused', [octets, 'if (byte === HTAB || (byte >= 0x20', 'if ((byte >= 0x20']),
  mutant(5, 'white space before the colon is taken off', ...spaceBeforeColon),
  mutant(6, 'a folded line is left out', foldDropped),
  mutant(7, 'a line without colon is left out', lineDropped),
  mutant(7, 'a field may have no name', [parser, colon, 'if (bytes[at] !== COLON) return badName']),
  mutant(7, 'any byte may stand in a name', anyToken),
  mutant(8, 'HTTP/1.1 needs no Host', [target, "head.minor === 0 ? null : refuse('request', 'host-missing')", 'null']),
  mutant(9, 'the first of two Hosts counts', [
    target,
    "if (head.isRepeated(HOST_FIELD)) return refuse('request', 'host-repeated')",
    '',
  ]),
  mutant(10, 'any Host will do', [
    target,
    "isAuthority(head.bytes, head.authorityStart, head.authorityEnd) ? null : refuse('request', 'host-invalid')",
    'null',
  ]),
  mutant(10, 'a port may be any number', [target, 'return port <= 65_535', 'return true']),
  mutant(10, 'a host may be empty', [target, 'if (at === start) return false', '']),
  mutant(11, 'an absolute target is taken for a path', [
    target,
    'head.pathStart = end',
    'head.pathStart = targetStart',
  ]),
  mutant(11, 'an absolute target is sent on as it came', [
    'gateway/outgoing.ts',
    'out.target = stripped(asked.path, prefix) + asked.query',
    'out.target = head.text(head.targetStart, head.targetEnd)',
  ]),
  mutant(11, 'the scheme is told apart by case', [
    target,
    "spells(bytes, targetStart, colon, 'http')",
    "head.text(targetStart, colon) === 'http'",
  ]),
  mutant(
    12,
    'Host wins over the authority of the target',
    [target, 'head.authorityStart = start', ''],
    [target, 'head.authorityEnd = end', ''],
  ),
  mutant(
    13,
    'user information is ignored',
    [target, "return refuse('request', 'target-userinfo')", 'start = end + 1'],
    [target, 'const start = colon + 3', 'let start = colon + 3'],
  ),
  mutant(
    13,
    'every scheme is served',
    [
      target,
      "if (!isHttp && !spells(bytes, targetStart, colon, 'https')) return refuse('request', 'bad-target-scheme')",
      '',
    ],
    [target, "if (isHttp !== (scheme === 'http')) return refuse('request', 'misdirected-scheme')", ''],
  ),
  mutant(13, 'https is served on the port of http', [
    target,
    "if (isHttp !== (scheme === 'http')) return refuse('request', 'misdirected-scheme')",
    '',
  ]),
  mutant(14, 'OPTIONS * is routed', [
    'gateway/exchange.ts',
    "if (head.form === 'asterisk') return this.reply(methods)",
    '',
  ]),
  mutant(14, 'any method may ask for *', [
    target,
    "if (head.method !== OPTIONS) return refuse('request', 'bad-target-form')",
    '',
  ]),
  mutant(15, 'CONNECT is a method like any other', [
    target,
    "if (head.method === CONNECT) return refuse('request', 'connect-refused')",
    '',
  ]),
  mutant(16, 'a slash is put in front', [
    target,
    'if (first === SLASH) {',
    'if (first === SLASH || !/^\\*$|:\\/\\//.test(head.text(head.targetStart, head.targetEnd))) {',
  ]),
  mutant(17, 'the version may be in lower case', [
    parser,
    'if (byte === VERSION.charCodeAt(position)) return null',
    'if ((byte | 0x20) === (VERSION.charCodeAt(position) | 0x20)) return null',
  ]),
  mutant(17, 'every major version is served', trailingZeroVersion),
  mutant(17, 'white space behind a version is ignored', [
    parser,
    "byte === CR ? null : 'bad-version'",
    "byte === CR ? null : byte === SP || byte === HTAB ? (head.mark++, null) : 'bad-version'",
  ]),
  mutant(17, 'HTTP/1.0 persists', [
    'http/fields.ts',
    'return head.minor > 0 || (options & KEEP_ALIVE_OPTION) !== 0',
    'return true',
  ]),
  mutant(17, 'HTTP/1.0 needs a Host', [
    target,
    "head.minor === 0 ? null : refuse('request', 'host-missing')",
    "refuse('request', 'host-missing')",
  ]),
  mutant(18, 'a method is what stands before the space', [
    parser,
    "if (bytes[at] !== SP || at === head.methodStart) return fail(head, bytes[at], 'bad-method')",
    'while (at < stop && bytes[at] !== SP) at++',
  ]),
  mutant(18, 'only known methods are served', [
    parser,
    'head.method = findMethod(bytes, head.methodStart, at)',
    "head.method = findMethod(bytes, head.methodStart, at)\n    if (head.method === 0) return refuse(head.side, 'bad-method')",
  ]),
  mutant(18, 'an unknown method becomes upper case', [
    'http/write-head.ts',
    'to = copy(out, to, head.bytes, head.methodStart, head.methodEnd)',
    'to = put(out, to, head.methodText().toUpperCase())',
  ]),
  mutant(19, 'several spaces are one', [
    parser,
    'head.targetStart = ++at',
    'do at++; while (bytes[at] === SP)\n    head.targetStart = at',
  ]),
  mutant(19, 'HTAB is as good as a space', [
    parser,
    'if (bytes[at] !== SP || at === head.targetStart) return fail',
    'if ((bytes[at] !== SP && bytes[at] !== HTAB) || at === head.targetStart) return fail',
  ]),
  mutant(20, 'a fragment is part of the target', [octets, "&& character !== '#'", '']),
  mutant(20, '8-bit bytes are part of the target', [
    octets,
    'byte > 0x20 && byte < 0x7f &&',
    'byte > 0x20 && byte !== 0x7f &&',
  ]),
  mutant(20, 'control bytes are part of the target', [
    octets,
    'byte > 0x20 && byte < 0x7f &&',
    'byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte < 0x80 &&',
  ]),
  mutant(20, 'some printable bytes are encoded', [
    'gateway/outgoing.ts',
    'out.target = stripped(asked.path, prefix) + asked.query',
    `out.target = (stripped(asked.path, prefix) + asked.query).replaceAll('"', '%22')`,
  ]),
  mutant(21, 'targets may be of any length', [
    'http/head.ts',
    limits,
    '{ target: 1 << 20, fields: 128, field: 16_384, head: 1 << 21 }',
  ]),
  mutant(21, 'a target of 8000 bytes is too long', [
    'http/head.ts',
    limits,
    '{ target: 4096, fields: 128, field: 16_384, head: 32_768 }',
  ]),
  mutant(22, 'fields may be of any size', [
    'http/head.ts',
    limits,
    '{ target: 8192, fields: 128, field: 1 << 20, head: 1 << 21 }',
  ]),
  mutant(22, 'there may be any number of fields', [
    'http/head.ts',
    limits,
    '{ target: 8192, fields: 8192, field: 16_384, head: 1 << 21 }',
  ]),
  mutant(22, 'a hundred fields are too many', [
    'http/head.ts',
    limits,
    '{ target: 8192, fields: 64, field: 16_384, head: 32_768 }',
  ]),
  mutant(23, 'TRACE is a method like any other', [
    target,
    "if (head.method === TRACE) return refuse('request', 'trace-refused')",
    '',
  ]),
  mutant(24, 'Max-Forwards: 0 is sent on', [
    'gateway/exchange.ts',
    'if (asked.hops === 0) return this.reply(methods)',
    '',
  ]),
  mutant(24, 'Max-Forwards is not counted down', [
    'gateway/outgoing.ts',
    'String(asked.hops - 1)',
    'String(asked.hops)',
  ]),
  mutant(25, 'an empty line before a request is refused', [
    parser,
    'const MAX_EMPTY_LINES = 4',
    'const MAX_EMPTY_LINES = 0',
  ]),
  mutant(25, 'empty lines before a request are ignored without end', [
    parser,
    'const MAX_EMPTY_LINES = 4',
    'const MAX_EMPTY_LINES = 1e9',
  ]),
  mutant(26, 'the preface of HTTP/2 is a request for *', trailingZeroVersion, [
    target,
    "if (head.method !== OPTIONS) return refuse('request', 'bad-target-form')",
    '',
  ]),
  mutant(26, 'bytes that are no method wait for more', [
    parser,
    "if (bytes[at] !== SP || at === head.methodStart) return fail(head, bytes[at], 'bad-method')",
    "if (bytes[at] !== SP || at === head.methodStart) return 'more'",
  ]),
]
