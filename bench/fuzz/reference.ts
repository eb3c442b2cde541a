/**
 * The most that may be read from a client's bytes: every leniency RFC 9112 and our rules allow, and none they forbid,
 * without any limit. What the gateway reads must be what is read here or less. It shares no code with the gateway.
 * Bytes are latin-1 text.
 */
export interface RequestRead {
  readonly method: string
  readonly target: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export interface StreamRead {
  readonly requests: readonly RequestRead[]
  /** Where the stream ends: between two requests, inside one, or at bytes that are no request. */
  readonly end: 'between' | 'inside' | 'bad'
}

export function readRequests(text: string): StreamRead {
  const requests: RequestRead[] = []
  let at = 0
  for (;;) {
    while (text.startsWith('\r\n', at)) at += 2
    if (at >= text.length || text.slice(at) === '\r') return { requests, end: 'between' }
    const step = readOne(text, at)
    if (typeof step === 'string') return { requests, end: step }
    requests.push(step.request)
    at = step.end
  }
}

type Step = { readonly request: RequestRead; readonly end: number } | 'inside' | 'bad'
type Part = { readonly body: string; readonly end: number } | 'inside' | 'bad'

const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/
const chunkLine = /^([0-9a-fA-F]+)(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/

function readOne(text: string, at: number): Step {
  const end = text.indexOf('\r\n\r\n', at)
  const head = end === -1 ? text.slice(at) : text.slice(at, end)
  // A line that was cut in the middle may still become anything.
  if (end === -1) return /[\n\0]/.test(head.replaceAll('\r\n', '')) ? 'bad' : 'inside'
  const [line = '', ...lines] = head.split('\r\n')
  const [, method, target = '', minor] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP\/1\.(\d)$/.exec(line) ?? []
  if (method === undefined || target.includes('#')) return 'bad'
  const fields = new Map<string, string[]>()
  const pairs: [name: string, value: string][] = []
  for (const one of lines) {
    const [, name = '', padded = ''] = fieldLine.exec(one) ?? []
    if (name === '') return 'bad'
    const value = padded.replace(/^[\t ]+|[\t ]+$/g, '')
    pairs.push([name, value])
    fields.set(name.toLowerCase(), [...(fields.get(name.toLowerCase()) ?? []), value])
  }
  const hosts = fields.get('host') ?? []
  if (hosts.length > 1 || (hosts.length === 0 && minor !== '0')) return 'bad'
  const part = readBody(text, end + 4, fields, minor !== '0')
  if (typeof part === 'string') return part
  return { request: { method, target, fields: pairs, body: part.body }, end: part.end }
}

function readBody(text: string, at: number, fields: ReadonlyMap<string, string[]>, modern: boolean): Part {
  const [length, ...lengths] = fields.get('content-length') ?? []
  const [coding, ...codings] = fields.get('transfer-encoding') ?? []
  if (lengths.length > 0 || codings.length > 0) return 'bad'
  if (coding !== undefined) {
    if (length !== undefined || !modern || coding.toLowerCase() !== 'chunked') return 'bad'
    return readChunks(text, at)
  }
  if (length === undefined) return { body: '', end: at }
  if (!/^\d+$/.test(length) || BigInt(length) > BigInt(Number.MAX_SAFE_INTEGER)) return 'bad'
  const end = at + Number(length)
  return end > text.length ? 'inside' : { body: text.slice(at, end), end }
}

function readChunks(text: string, start: number): Part {
  let body = ''
  let at = start
  for (;;) {
    const eol = text.indexOf('\r\n', at)
    if (eol === -1) return 'inside'
    const digits = chunkLine.exec(text.slice(at, eol))?.[1]
    if (digits === undefined || BigInt(`0x${digits}`) > BigInt(Number.MAX_SAFE_INTEGER)) return 'bad'
    const size = Number.parseInt(digits, 16)
    at = eol + 2
    if (size === 0) return readTrailers(text, at, body)
    if (at + size + 2 > text.length) return 'inside'
    if (text.slice(at + size, at + size + 2) !== '\r\n') return 'bad'
    body += text.slice(at, at + size)
    at += size + 2
  }
}

function readTrailers(text: string, start: number, body: string): Part {
  let at = start
  for (;;) {
    const eol = text.indexOf('\r\n', at)
    if (eol === -1) return 'inside'
    if (eol === at) return { body, end: at + 2 }
    if (!fieldLine.test(text.slice(at, eol))) return 'bad'
    at = eol + 2
  }
}
