/**
 * A reader of HTTP/1.1 that forgives nothing, for judging what the gateway writes. It shares no code with the gateway.
 * Bytes are latin-1 text. What a proxy may accept but must not emit (OWS at will, chunk extensions, leading zeros, two
 * framings, folded lines) is bad here.
 */
export type FieldPair = readonly [name: string, value: string]

export interface Message {
  /** The first line. */
  readonly start: string
  readonly fields: readonly FieldPair[]
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  readonly body: string
  readonly trailers: readonly FieldPair[]
  /** Head and body as they stood on the wire. */
  readonly raw: string
}

export type Step =
  | { readonly kind: 'whole'; readonly message: Message; readonly end: number }
  /** `head` is the message so far once its head is complete. */
  | { readonly kind: 'more'; readonly head: Message | null }
  | { readonly kind: 'bad'; readonly why: string }

/** Reads the request that begins at `at`. */
export function readRequest(text: string, at = 0): Step {
  const head = readHead(text, at)
  if (head.kind !== 'head') return head
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.1$/.test(head.start))
    return bad(`the request line ${show(head.start)}`)
  if (valuesIn(head.fields, 'host').length !== 1) return bad('the number of Host fields is not one')
  const framing = framingOf(head.fields)
  if ('kind' in framing) return framing
  return readBody(text, at, head, framing)
}

/** Reads the response that begins at `at`, to a request with `method`. `ended`: nothing more will come. */
export function readResponse(text: string, at: number, method: string, ended: boolean): Step {
  const head = readHead(text, at)
  if (head.kind !== 'head') return head
  const status = /^HTTP\/1\.1 ([1-9]\d\d) [\t\x20-\x7e\x80-\xff]*$/.exec(head.start)?.[1]
  if (status === undefined) return bad(`the status line ${show(head.start)}`)
  const framing = framingOf(head.fields)
  if ('kind' in framing) return framing
  const bodiless = status.startsWith('1') || status === '204'
  if (bodiless && framing.form !== 'none') return bad(`a ${status} with framing`)
  if (bodiless || status === '304' || method === 'HEAD') return whole(text, at, head, 'none', '', [], head.end)
  if (framing.form !== 'none') return readBody(text, at, head, framing)
  if (ended) return whole(text, at, head, 'close', text.slice(head.end), [], text.length)
  return { kind: 'more', head: draft(text, at, head, 'close') }
}

export function valuesIn(fields: readonly FieldPair[], name: string): string[] {
  return fields.filter(([it]) => it.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

interface Bad {
  readonly kind: 'bad'
  readonly why: string
}

interface HeadRead {
  readonly kind: 'head'
  readonly start: string
  readonly fields: readonly FieldPair[]
  readonly end: number
}

interface FramingRead {
  readonly form: 'none' | 'length' | 'chunked'
  readonly length: number
}

function readHead(text: string, at: number): HeadRead | Step {
  const end = text.indexOf('\r\n\r\n', at)
  if (end === -1) {
    const stray = /[\n\0]|\r[^\n]/.exec(text.slice(at).replaceAll('\r\n', ''))
    return stray ? bad('a control byte in an unfinished head') : { kind: 'more', head: null }
  }
  const [start = '', ...lines] = text.slice(at, end).split('\r\n')
  const fields = readFields(lines)
  return Array.isArray(fields) ? { kind: 'head', start, fields, end: end + 4 } : fields
}

function readFields(lines: readonly string[]): FieldPair[] | Bad {
  const fields: FieldPair[] = []
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) return bad(`the field line ${show(line)}`)
    fields.push([name, value])
  }
  return fields
}

function framingOf(fields: readonly FieldPair[]): FramingRead | Step {
  const lengths = valuesIn(fields, 'content-length')
  const codings = valuesIn(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) return bad('more than one framing field')
  const [length] = lengths
  const [coding] = codings
  if (coding !== undefined)
    return coding === 'chunked' ? { form: 'chunked', length: 0 } : bad(`the coding ${show(coding)}`)
  if (length === undefined) return { form: 'none', length: 0 }
  return /^(0|[1-9]\d{0,15})$/.test(length)
    ? { form: 'length', length: Number(length) }
    : bad(`the length ${show(length)}`)
}

function readBody(text: string, at: number, head: HeadRead, framing: FramingRead): Step {
  if (framing.form === 'none') return whole(text, at, head, 'none', '', [], head.end)
  if (framing.form === 'chunked') return readChunks(text, at, head)
  const end = head.end + framing.length
  if (text.length < end) return { kind: 'more', head: draft(text, at, head, 'length') }
  return whole(text, at, head, 'length', text.slice(head.end, end), [], end)
}

function readChunks(text: string, at: number, head: HeadRead): Step {
  let body = ''
  let from = head.end
  for (;;) {
    const more: Step = { kind: 'more', head: { ...draft(text, at, head, 'chunked'), body } }
    const eol = text.indexOf('\r\n', from)
    const line = eol === -1 ? text.slice(from) : text.slice(from, eol)
    if (!/^[0-9a-fA-F]{0,16}\r?$/.test(line)) return bad(`the chunk line ${show(line.slice(0, 40))}`)
    if (eol === -1) return more
    if (!/^[0-9a-fA-F]+$/.test(line)) return bad(`the chunk line ${show(line)}`)
    const size = Number.parseInt(line, 16)
    const data = eol + 2
    if (size === 0) {
      if (text.startsWith('\r\n', data)) return whole(text, at, head, 'chunked', body, [], data + 2)
      const end = text.indexOf('\r\n\r\n', data)
      if (end === -1) return more
      const trailers = readFields(text.slice(data, end).split('\r\n'))
      return Array.isArray(trailers) ? whole(text, at, head, 'chunked', body, trailers, end + 4) : trailers
    }
    body += text.slice(data, data + size)
    const close = text.slice(data + size, data + size + 2)
    if (!'\r\n'.startsWith(close)) return bad(`${show(close)} behind the data of a chunk`)
    if (close.length < 2) return { kind: 'more', head: { ...draft(text, at, head, 'chunked'), body } }
    from = data + size + 2
  }
}

function draft(text: string, at: number, { start, fields, end }: HeadRead, framing: Message['framing']): Message {
  return { start, fields, framing, body: text.slice(end), trailers: [], raw: text.slice(at) }
}

function whole(
  text: string,
  at: number,
  { start, fields }: HeadRead,
  framing: Message['framing'],
  body: string,
  trailers: readonly FieldPair[],
  end: number,
): Step {
  return { kind: 'whole', message: { start, fields, framing, body, trailers, raw: text.slice(at, end) }, end }
}

function bad(why: string): Bad {
  return { kind: 'bad', why }
}

function show(text: string): string {
  return JSON.stringify(text)
}
