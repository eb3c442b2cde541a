import { type Edit, type Mutant, mutant } from './mutant.ts'

const fields = 'http/fields.ts'
const names = 'http/names.ts'
const origin = 'gateway/origin.ts'
const writer = 'http/write-head.ts'
const outgoing = 'gateway/outgoing.ts'
const incoming = 'gateway/incoming.ts'
const requestOmits = 'number = HOP | FRAMING | ROUTING | FORWARDING | IDENTITY | TRACE | ALIAS'

/** What Connection nominates is as if it had never been there. */
const forgotten: readonly Edit[] = [
  [fields, 'head.omitted[index] = 1', '{ head.omitted[index] = 1; head.forget(name) }'],
  [
    'http/head.ts',
    'has(name: number): boolean {',
    'forget(name: number): void {\n    this.#first[name] = 0\n  }\n\n  has(name: number): boolean {',
  ],
]
/** Of several known fields of a name the first is kept. */
const firstOnly: Edit = [
  'http/head.ts',
  'this.#repeated[name] = 1',
  'this.#repeated[name] = 1; this.omitted[index] = 1',
]

export const hygiene: readonly Mutant[] = [
  mutant(51, 'nominated fields stay', [fields, '  nominate(head, from, to)\n', '']),
  mutant(51, 'nominated fields of a response stay', [
    fields,
    '  nominate(head, from, to)\n',
    "  if (head.side === 'request') nominate(head, from, to)\n",
  ]),
  mutant(52, 'a nominated credential is not seen', ...forgotten),
  mutant(52, 'a nominated field of ours is left out', [
    outgoing,
    'out.added = fixedLines(passage)',
    "out.added = fixedLines(passage).split('\\r\\n').filter((line) => !head.text(head.start, head.end).includes(`, ${line.split(':')[0]},`)).join('\\r\\n')",
  ]),
  mutant(
    53,
    'Host and framing can be nominated',
    ...forgotten,
    [fields, 'if (((TRAITS[name] as number) & (FRAMING | ROUTING)) !== 0) return', ''],
    [
      'gateway/read-head.ts',
      "const refused = checkTarget(head, 'http')",
      "readConnection(head)\n  const refused = checkTarget(head, 'http')",
    ],
  ),
  mutant(54, 'hop-by-hop fields pass', [
    writer,
    requestOmits,
    'number = FRAMING | ROUTING | FORWARDING | IDENTITY | TRACE | ALIAS',
  ]),
  mutant(54, 'one hop-by-hop field passes', [
    names,
    "'proxy-authorization': 'hop'",
    "'proxy-authorization': 'control'",
  ]),
  mutant(54, 'TE is dropped', [fields, "return elements(head, TE).includes('trailers')", 'return false']),
  mutant(54, 'every TE asks for trailers', [fields, "return elements(head, TE).includes('trailers')", 'return true']),
  mutant(55, 'what a client says of its origin passes', [
    writer,
    requestOmits,
    'number = HOP | FRAMING | ROUTING | IDENTITY | TRACE | ALIAS',
  ]),
  mutant(55, 'an X-Forwarded-… without a number passes', [
    names,
    '? OTHER_FORWARDED_NAME : UNKNOWN_NAME',
    '? UNKNOWN_NAME : UNKNOWN_NAME',
  ]),
  mutant(55, 'X-Rewrite-URL passes', [names, "'x-rewrite-url': 'forwarding'", "'x-rewrite-url': 'control'"]),
  mutant(55, 'every peer is a trusted proxy', [
    origin,
    "return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4')",
    'return true',
  ]),
  mutant(55, 'no peer is a trusted proxy', [
    origin,
    "return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4')",
    'return false',
  ]),
  mutant(55, 'the left-most address is the client', [origin, 'if (!this.#has(address)) break', '']),
  mutant(55, 'the right-most address is the client', [
    origin,
    'if (!this.#has(address)) break',
    'if (address !== peer) break',
  ]),
  mutant(55, 'what is no address is a client', [origin, 'if (isIP(next) === 0) break', '']),
  mutant(55, 'a trusted proxy is not appended', [origin, "[...given, peer].join(', ')", "given.join(', ')"]),
  mutant(55, 'a trusted proxy may say any scheme', [
    origin,
    "const proto = only(head, X_FORWARDED_PROTO)?.toLowerCase() === 'https' ? 'https' : 'http'",
    "const proto = (only(head, X_FORWARDED_PROTO)?.toLowerCase() ?? 'http') as 'http'",
  ]),
  mutant(55, 'the first of two fields of a trusted proxy counts', [
    origin,
    'head.has(name) && !head.isRepeated(name) ?',
    'head.has(name) ?',
  ]),
  mutant(55, 'every request of a proxy is of its first client', [
    'gateway/gateway.ts',
    "connection.last.lines = ''",
    '',
  ]),
  mutant(55, 'the journal names the proxy', [
    'gateway/exchange.ts',
    'story.entry(connection.origin.address',
    'story.entry(connection.origin.peer',
  ]),
  mutant(
    55,
    'attempts are counted for the proxy',
    ['gateway/own.ts', 'door.attempts.wait(connection.origin.address', 'door.attempts.wait(connection.origin.peer'],
    ['gateway/own.ts', 'door.attempts.failed(connection.origin.address', 'door.attempts.failed(connection.origin.peer'],
  ),
  mutant(55, 'a host we do not run is told nothing of the client', [
    'gateway/remote-fields.ts',
    '...fieldsIn(added), ',
    '',
  ]),
  mutant(56, 'identity fields of a client pass', [
    writer,
    requestOmits,
    'number = HOP | FRAMING | ROUTING | FORWARDING | TRACE | ALIAS',
  ]),
  mutant(56, 'the caller is not told', [
    outgoing,
    "(subject === null ? '' : fieldLine('X-Auth-Subject', subject))",
    "''",
  ]),
  mutant(57, 'names with underscores or dots pass', [
    writer,
    requestOmits,
    'number = HOP | FRAMING | ROUTING | FORWARDING | IDENTITY | TRACE',
  ]),
  mutant(57, 'a dot is no alias', [names, '& ODD) === 0 ? byte : 0x2d', '& ODD) === 0 || byte === 0x2e ? byte : 0x2d']),
  mutant(57, 'an underscore becomes a hyphen', [
    'http/parse-head.ts',
    'head.add(findName(',
    'for (let i = offsets[slot] as number; i < (offsets[slot + 1] as number); i++) if (bytes[i] === 0x5f) bytes[i] = 0x2d\n    head.add(findName(',
  ]),
  mutant(58, 'Proxy passes', [names, "  proxy: 'forwarding'", "  proxy: 'control'"]),
  mutant(59, 'the first of two tokens counts', [
    'gateway/auth/identify.ts',
    'if (head.isRepeated(X_API_TOKEN))',
    'if (false)',
  ]),
  mutant(59, 'the first of two Authorizations counts', [
    'gateway/auth/identify.ts',
    'if (head.isRepeated(AUTHORIZATION))',
    'if (false)',
  ]),
  mutant(59, 'the first of several fields is passed on', firstOnly),
  mutant(60, 'the first of several fields is passed on', firstOnly),
  mutant(60, '8-bit bytes lose their highest bit', [
    writer,
    'for (let i = start; i < end; i++) out[at + i - start] = bytes[i] as number',
    'for (let i = start; i < end; i++) out[at + i - start] = (bytes[i] as number) & 0x7f',
  ]),
  mutant(60, 'a name is written in lower case', [
    writer,
    'const start = offsets[slot] as number',
    'const start = offsets[slot] as number\n    for (let i = start; i < (offsets[slot + 1] as number); i++) if ((bytes[i] as number) < 0x5b && (bytes[i] as number) > 0x40) bytes[i] = (bytes[i] as number) | 0x20',
  ]),
  mutant(61, 'no Date is added', [incoming, "out.added = head.has(DATE) ? '' : dateLine()", "out.added = ''"]),
  mutant(61, 'a Date is always added', [
    incoming,
    "out.added = head.has(DATE) ? '' : dateLine()",
    'out.added = dateLine()',
  ]),
  mutant(61, 'no Via is added', [outgoing, "'Via: 1.1 quaymaster\\r\\n'", "''"]),
  mutant(61, 'an answer of ours has no Date', ['gateway/answer.ts', '\\r\\n${dateLine()}', '\\r\\n']),
  mutant(62, 'Accept-Encoding is invented', [
    outgoing,
    "fieldLine('X-Forwarded-Proto', origin.proto) +",
    "fieldLine('X-Forwarded-Proto', origin.proto) + 'Accept-Encoding: gzip\\r\\n' +",
  ]),
  mutant(62, 'Content-Encoding is taken off', [names, "'content-encoding': 'control'", "'content-encoding': 'hop'"]),
  mutant(62, 'User-Agent is taken off', [names, "'user-agent': 'control'", "'user-agent': 'hop'"]),
  mutant(63, 'every request begins a trace', [
    outgoing,
    'if (head.has(TRACEPARENT)) keepTrace(head)',
    'if (false) keepTrace(head)',
  ]),
  mutant(63, 'an invalid traceparent is kept', [
    outgoing,
    'if (head.isRepeated(TRACEPARENT) || !validTraceparent(value)) return newTrace()',
    '',
  ]),
  mutant(63, 'a traceparent of zeros is valid', [
    'http/rewrite.ts',
    "return !/^0+$/.test(parts[2] ?? '') && !/^0+$/.test(parts[3] ?? '')",
    'return true',
  ]),
  mutant(63, 'the first of two traceparents is kept', [
    outgoing,
    'if (head.isRepeated(TRACEPARENT) || !validTraceparent(value))',
    'if (!validTraceparent(value))',
  ]),
  mutant(63, 'tracestate is lost', [outgoing, "head.find('tracestate')", 'head.find("no-such-field")']),
  mutant(63, 'the request id of a client is kept', [
    writer,
    requestOmits,
    'number = HOP | FRAMING | ROUTING | FORWARDING | IDENTITY | ALIAS',
  ]),
  mutant(63, 'the client is not told the request id', [
    incoming,
    'head.has(X_REQUEST_ID) ? noPieces : idPieces',
    'noPieces',
  ]),
  mutant(63, 'an answer of ours has no request id', [
    'gateway/answer.ts',
    'head += `X-Request-Id: ${id}\\r\\n',
    'head += `',
  ]),
]
