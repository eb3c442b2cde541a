import { writeChunks } from './grammar.ts'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

/** What an app does with one request. */
export interface Answer {
  readonly text: string
  /** Then: keep the connection, end it, reset it, say nothing more. */
  readonly after: 'keep' | 'end' | 'reset' | 'stall'
  /** Nothing was spoilt: the client must get exactly this body under this status. */
  readonly good: { readonly status: number; readonly body: string } | null
  /** Answered when the head is whole, whether or not the body is. */
  readonly early: boolean
}

/** Behind what an app says comes a response nobody asked for; it must never be taken for an answer. */
export const forged = 'HTTP/1.1 200 OK\r\nX-Marker: forged\r\nContent-Length: 4\r\n\r\nevil'

/** `marker` tells which request it belongs to. */
export function writeAnswer(
  random: Random,
  { method, marker, upgrade }: { method: string; marker: string; upgrade: boolean },
  calm: boolean,
  tried: (name: string) => void,
): Answer {
  if (upgrade && random.chance(0.5)) {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    return { text, after: 'keep', good: null, early: false }
  }
  const plain = writeGood(random, marker, method)
  if (calm || random.chance(0.5)) return { ...plain, early: false }
  const early = random.chance(0.15)
  const after = random.pick<Answer['after']>(['keep', 'keep', 'end', 'end', 'reset', 'stall'])
  const kind = random.below(10)
  if (kind < 2)
    return {
      text: plain.text + random.pick([forged, 'junk', '\r\n', `\r\n${forged}`]),
      after: 'keep',
      good: null,
      early,
    }
  if (kind < 3) return { text: '', after, good: null, early }
  if (kind < 4) return { text: writeNoise(random), after, good: null, early }
  return { text: mutate(plain.text, random, 3, forged, (name) => tried(`app: ${name}`)), after, good: null, early }
}

function writeNoise(random: Random): string {
  return String.fromCharCode(...Array.from({ length: random.below(200) }, () => random.below(256)))
}

function writeGood(random: Random, marker: string, method: string): Omit<Answer, 'early'> {
  const status = random.pick([200, 200, 200, 201, 204, 304, 404, 500])
  const reason = random.pick(['OK', '', 'Fine by me'])
  const none = method === 'HEAD' || status === 204 || status === 304
  const wanted = random.chance(0.02)
    ? 'y'.repeat(random.below(300_000))
    : `<${marker}>${forged.slice(0, random.below(forged.length))}`
  const interim = random.chance(0.1) ? 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' : ''
  const extra = random.pick([
    '',
    'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n',
    'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n',
    'Keep-Alive: timeout=5\r\n',
    'X-H: caf\xe9\r\n',
    'Location: /x\r\n',
  ])
  const start = `${interim}HTTP/1.1 ${status} ${reason}\r\nX-Marker: ${marker}\r\n${extra}`
  const good = { status, body: none ? '' : wanted }
  const form = random.below(10)
  if (status === 204) return { text: `${start}\r\n`, after: 'keep', good }
  if (none) {
    const framing = random.pick(['', `Content-Length: ${wanted.length}\r\n`])
    return { text: `${start}${framing}\r\n`, after: 'keep', good }
  }
  if (form < 5) return { text: `${start}Content-Length: ${wanted.length}\r\n\r\n${wanted}`, after: 'keep', good }
  if (form < 9)
    return { text: `${start}Transfer-Encoding: chunked\r\n\r\n${writeChunks(random, wanted)}`, after: 'keep', good }
  return { text: `${start}Connection: close\r\n\r\n${wanted}`, after: 'end', good }
}
