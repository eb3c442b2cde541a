import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

/** One connection of a client: what it says, in which pieces. */
export interface Input {
  readonly text: string
  /** Where the stream is cut into writes. */
  readonly cuts: readonly number[]
  /** Nothing was spoilt: every request must be answered well. */
  readonly clean: boolean
  /** Of the last request: an interest in a second connection token, HTTP/1.0 and so on. */
  readonly ends: 'fin' | 'reset' | 'wait'
}

export interface World {
  /** `/api/alpha` */
  readonly prefix: string
  readonly token: string
  /** The number of the case, in every path. */
  readonly id: string
}

export function writeInput(random: Random, world: World, tried: (name: string) => void): Input {
  const count = 1 + random.below(4)
  let text = ''
  for (let index = 0; index < count; index += 1) text += writeRequest(random, world, index, index === count - 1)
  const clean = random.chance(0.25)
  if (!clean) text = mutate(text, random, 3, hiddenRequest(world, 'hidden'), tried)
  const cuts: number[] = []
  if (random.chance(0.5)) for (let left = random.below(6); left > 0; left -= 1) cuts.push(random.below(text.length + 1))
  if (random.chance(0.02)) for (let at = 1; at < Math.min(text.length, 2_000); at += 1) cuts.push(at)
  const ends = clean ? 'wait' : random.pick<Input['ends']>(['fin', 'wait', 'wait', 'reset'])
  return { text, cuts: [...new Set(cuts)].sort((a, b) => a - b), clean, ends }
}

export function hiddenRequest({ prefix, token, id }: World, name: string): string {
  return `GET ${prefix}/${id}-${name} HTTP/1.1\r\nHost: h\r\nX-API-Token: ${token}\r\n\r\n`
}

function writeRequest(random: Random, world: World, index: number, last: boolean): string {
  const method = random.pick([
    'GET',
    'GET',
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'DELETE',
    'OPTIONS',
    'PATCH',
    'PROPFIND',
    'QUERY-X',
  ])
  const version = last && random.chance(0.1) ? '1.0' : '1.1'
  const query = random.pick(['', '', '', '?q=1', '?a=%zz&b=;', '?//x/../y'])
  const own = `${world.prefix}/${world.id}-${index}${query}`
  const target = random.chance(0.05) ? `http://h${own}` : own
  const fields = ['Host: h', random.chance(0.06) ? 'X-Nobody: 1' : `X-API-Token: ${world.token}`]
  for (let left = random.below(5); left > 0; left -= 1) {
    const field = writeField(random)
    if (!fields.includes(field)) fields.splice(random.below(fields.length + 1), 0, field)
  }
  if (last && random.chance(0.1)) fields.push('Connection: close')
  if (last && version === '1.1' && random.chance(0.05)) fields.push('Connection: Upgrade', 'Upgrade: websocket')
  const asks = method !== 'HEAD' && random.chance(method === 'GET' ? 0.15 : 0.7)
  const [framing, bytes] = asks ? writeBody(random, world, version === '1.1') : [[], '']
  fields.splice(random.below(fields.length + 1), 0, ...framing)
  const spaces = random.chance(0.03) ? '\r\n' : ''
  return `${spaces}${method} ${target} HTTP/${version}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n${bytes}`
}

function writeField(random: Random): string {
  return random.pick([
    'Accept: */*',
    'User-Agent: fuzz',
    'X-A: 1',
    'x-a:2',
    'X-B: caf\xe9',
    'Cookie: a=1; b=2',
    'X-Empty:',
    'X-Space:  \t a \t ',
    'Accept-Encoding: br',
    'X-Forwarded-For: 1.2.3.4',
    'TE: trailers',
    'Connection: X-A',
    'Connection: keep-alive',
    'traceparent: junk',
    'X_A: 1',
    'Referer: http://e/',
    'If-None-Match: "x"',
    `X-Long: ${'v'.repeat(random.below(900))}`,
  ])
}

/** A body, often one that looks like a request, and the fields that frame it. */
function writeBody(random: Random, world: World, modern: boolean): [fields: string[], bytes: string] {
  const body = writeContent(random, world)
  if (!modern || random.chance(0.5)) return [[`Content-Length: ${random.chance(0.1) ? '00' : ''}${body.length}`], body]
  return [['Transfer-Encoding: chunked'], writeChunks(random, body)]
}

export function writeContent(random: Random, world: World): string {
  const kind = random.below(10)
  if (kind < 3) return hiddenRequest(world, 'body')
  if (kind < 5) return `0\r\n\r\n${hiddenRequest(world, 'body')}`
  if (kind < 6) return `hello\r\n${hiddenRequest(world, 'body')}${'x'.repeat(random.below(50))}`
  if (kind < 7) return 'x'.repeat(random.chance(0.1) ? random.below(200_000) : random.below(2_000))
  if (kind < 8) return ''
  return String.fromCharCode(...Array.from({ length: random.below(80) }, () => random.below(256)))
}

export function writeChunks(random: Random, body: string): string {
  let out = ''
  let at = 0
  while (at < body.length) {
    const size = Math.min(body.length - at, 1 + random.below(random.chance(0.3) ? 10 : 100_000))
    const digits = random.chance(0.1)
      ? `00${size.toString(16)}`
      : random.chance(0.1)
        ? size.toString(16).toUpperCase()
        : size.toString(16)
    const extension = random.chance(0.1) ? random.pick([';a', ';a=b', ';a="b"']) : ''
    out += `${digits}${extension}\r\n${body.slice(at, at + size)}\r\n`
    at += size
  }
  const trailers = random.chance(0.15) ? random.pick(['X-T: 1\r\n', 'X-T: 1\r\nX-U: 2\r\n']) : ''
  return `${out}0\r\n${trailers}\r\n`
}
