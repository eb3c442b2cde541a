/**
 * Why a message is not taken. A value, never an exception: bad bytes are expected. After a refusal nothing more may be
 * read from or sent on the connection but the answer, because where the next message starts is no longer known.
 */
export interface Refusal {
  readonly kind: 'refusal'
  /** For the client: 4xx or 5xx for its own request, always 502 for a child's response. */
  readonly status: number
  readonly code: RefusalCode
  /** One sentence for people. */
  readonly detail: string
}

export type RefusalCode = keyof typeof REASONS

/** Whose bytes they are. */
export type Side = 'request' | 'response'

/** The refusal for a code; `detail` replaces the usual sentence where it can say more. */
export function refuse(side: Side, code: RefusalCode, detail?: string): Refusal {
  if (detail === undefined) return (side === 'request' ? FROM_CLIENT : FROM_APP)[code]
  return { kind: 'refusal', status: side === 'request' ? REASONS[code][0] : 502, code, detail }
}

const REASONS = {
  'bad-start-line': [400, 'The status line must be "HTTP/1.1 CODE REASON" with a code from 100 to 999.'],
  'bad-method': [400, 'The method must be a token of at most 32 characters followed by one space.'],
  'bad-target': [400, 'The request target holds a byte that must be percent-encoded.'],
  'target-too-long': [414, 'The request target is too long.'],
  'bad-version': [400, 'The version must be exactly "HTTP/1.0" or "HTTP/1.1" and end the line.'],
  'version-not-supported': [505, 'Only HTTP/1.0 and HTTP/1.1 are spoken on this connection.'],
  'too-many-empty-lines': [400, 'There are too many empty lines before the message.'],
  'bare-lf': [400, 'A line ends with LF alone; every line must end with CR LF.'],
  'bare-cr': [400, 'A CR is not followed by LF; every line must end with CR LF.'],
  'folded-line': [400, 'A header line begins with white space; folded lines are obsolete.'],
  'bad-field-name': [400, 'A header line has no name, no colon, or a name that is not a token.'],
  'space-before-colon': [400, 'A field name is followed by white space instead of a colon.'],
  'bad-field-value': [400, 'A field value holds a control byte.'],
  'too-many-fields': [431, 'There are too many header fields.'],
  'field-too-large': [431, 'A header field is too large.'],
  'head-too-large': [431, 'The header section is too large.'],
  'trailers-too-large': [431, 'The trailer section is too large.'],
  'host-missing': [400, 'An HTTP/1.1 request must have a Host field.'],
  'host-repeated': [400, 'A request must have only one Host field.'],
  'host-invalid': [400, 'The Host must be a name or an address with an optional port.'],
  'bad-target-form': [400, 'The request target must begin with "/" or be an absolute http URL.'],
  'target-userinfo': [400, 'The request target must not hold a user name or password.'],
  'bad-target-scheme': [400, 'The scheme of the request target must be http or https.'],
  'misdirected-scheme': [421, 'The scheme of the request target is not that of this listener.'],
  'connect-refused': [405, 'CONNECT is not offered: this gateway opens no tunnels to other hosts.'],
  'trace-refused': [405, 'TRACE is not offered: it would reflect credentials.'],
  'length-and-coding': [400, 'Content-Length and Transfer-Encoding contradict each other; send one of them.'],
  'length-repeated': [400, 'Content-Length is given more than once.'],
  'length-invalid': [400, 'Content-Length must be one decimal number.'],
  'coding-in-old-version': [400, 'Transfer-Encoding does not exist in HTTP/1.0.'],
  'coding-repeated': [400, 'Transfer-Encoding is given more than once.'],
  'coding-invalid': [400, 'Transfer-Encoding must be exactly "chunked".'],
  'coding-unknown': [501, 'The only transfer coding understood is "chunked".'],
  'bad-chunk-size': [400, 'A chunk does not begin with its size in hexadecimal digits.'],
  'chunk-too-large': [400, 'A chunk is larger than 2^53-1 bytes.'],
  'bad-chunk-line': [400, 'The line of a chunk size holds a control byte or ends without CR LF.'],
  'chunk-overhead': [400, 'The chunk extensions outweigh the data.'],
  'bad-chunk-end': [400, 'The data of a chunk is not followed by CR LF.'],
  'field-repeated': [400, 'A field that can have only one value is given more than once.'],
  'bad-connection-field': [400, 'The Connection field must be a list of at most 64 tokens.'],
  'unknown-expectation': [417, 'The only expectation understood is "100-continue".'],
  loop: [508, 'The request has come through this kind of gateway five times: it goes in a circle.'],
  'bad-max-forwards': [400, 'Max-Forwards must be one decimal number.'],
} as const

const FROM_CLIENT = tabulate('request')
const FROM_APP = tabulate('response')

function tabulate(side: Side): Readonly<Record<RefusalCode, Refusal>> {
  const table: Partial<Record<RefusalCode, Refusal>> = {}
  for (const code of Object.keys(REASONS) as RefusalCode[]) {
    const [status, detail] = REASONS[code]
    table[code] = Object.freeze({ kind: 'refusal', status: side === 'request' ? status : 502, code, detail })
  }
  return table as Record<RefusalCode, Refusal>
}
