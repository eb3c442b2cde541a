import type { Random } from './random.ts'

type Mutator = (text: string, random: Random, hidden: string) => string

const bytes = [
  '\0',
  '\t',
  '\n',
  '\x0b',
  '\r',
  ' ',
  ',',
  ';',
  ':',
  '/',
  '#',
  '"',
  '%',
  '\x7f',
  '\x80',
  '\xa0',
  '\xff',
  '0',
  '5',
  'a',
  'G',
  '-',
  '+',
  '_',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\r\n',
] as const

const lines = [
  'Transfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:',
  'transfer-encoding: CHUNKED \t',
  'Transfer_Encoding: chunked',
  'Transfer-Encoding: \x0bchunked',
  'Content-Length: 0',
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: 0x5',
  'Content-Length:',
  'Content-Length: 00005',
  'Content-Length: 18446744073709551621',
  'Content_Length: 5',
  'Content-Length : 5',
  ' X-Folded: 1',
  '\tX-Folded: 1',
  'X-A: a\rTransfer-Encoding: chunked',
  'X-A: a\nContent-Length: 0',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Content-Length',
  'Connection: Transfer-Encoding, Host',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'HTTP2-Settings: x',
  'Expect: 100-continue',
  'Expect: magic',
  'Host: evil',
  'Host:',
  'TE: trailers',
  'Trailer: X-T',
  'X-API-Token: wrong',
  'Authorization: Bearer wrong',
  'Max-Forwards: 0',
  'Keep-Alive: timeout=1',
  'FooBar',
  ': v',
  'X A: v',
  'X-\x85: v',
  'X-A: \0',
  'Date: x',
  'Content-Encoding: gzip',
  'Trailer: Content-Length',
  'Proxy: x',
] as const

const chunks = [
  '0\r\n\r\n',
  '0\r\n',
  '5\r\nhello\r\n',
  '5;a=b\r\nhello\r\n',
  '5;a\nhello\r\n',
  '2;\nxx\r\n',
  ' 5\r\nhello\r\n',
  '5\nhello\r\n',
  '5\r\nhello',
  '0x5\r\nhello\r\n',
  '-1\r\n',
  'ffffffffffffffff1\r\n',
  '000000000000000000000005\r\nhello\r\n',
  '0\r\nX-T: 1\r\n\r\n',
  '0\r\nContent-Length: 9\r\n\r\n',
  '0\n\r\n',
] as const

const starts = [
  'GET ',
  'HEAD ',
  'POST ',
  'FOO ',
  'CONNECT ',
  'TRACE ',
  'OPTIONS * HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.1',
  'HTTP/2.0',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 204 None\r\n',
  'HTTP/1.1 304 Not\r\n',
  'HTTP/1.1 101 Switch\r\n',
  'HTTP/1.1 200 OK\r\n',
  '//',
  '/../',
  '/%2e%2e/',
  '/%2f',
  '%00',
  '?',
  'http://h',
  'http://u@h',
] as const

function splice(text: string, at: number, remove: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + remove)
}

/** The place of a match chosen by chance, or -1. */
function find(text: string, pattern: RegExp, random: Random): { at: number; length: number } | null {
  const matches = [...text.matchAll(pattern)]
  const match = matches[random.below(matches.length)]
  return match ? { at: match.index, length: match[0].length } : null
}

/** Not by a pattern: one that begins anywhere in a line takes time squared in its length. */
function findLine(text: string, random: Random): { at: number; length: number } | null {
  const end = find(text, /\r\n/g, random)
  if (!end) return null
  const at = end.at === 0 ? 0 : text.lastIndexOf('\n', end.at - 1) + 1
  return { at, length: end.at + 2 - at }
}

const atEnd = (text: string, pattern: RegExp, random: Random, insert: string): string => {
  const found = find(text, pattern, random)
  return found ? splice(text, found.at + found.length, 0, insert) : text
}

/** Ways to spoil or bend a stream of messages, by name, so that it can be told which were tried. */
export const mutators: Readonly<Record<string, Mutator>> = {
  'flip a bit': (text, random) => {
    const at = random.below(text.length)
    return splice(text, at, 1, String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))))
  },
  'drop a byte': (text, random) => splice(text, random.below(text.length), 1, ''),
  'insert a byte': (text, random) => splice(text, random.below(text.length + 1), 0, random.pick(bytes)),
  'replace a byte': (text, random) => splice(text, random.below(text.length), 1, random.pick(bytes)),
  'repeat a piece': (text, random) => {
    const at = random.below(text.length)
    const piece = text.slice(at, at + 1 + random.below(60))
    return splice(text, at, 0, piece)
  },
  'drop a piece': (text, random) => splice(text, random.below(text.length), 1 + random.below(40), ''),
  'cut the end off': (text, random) => text.slice(0, 1 + random.below(text.length)),
  'spoil a line end': (text, random) => {
    const found = find(text, /\r\n/g, random)
    return found
      ? splice(text, found.at, 2, random.pick(['\n', '\r', '\r\r\n', '\n\r', '', ' \r\n', '\r\n ', '\0\r\n']))
      : text
  },
  'add a line': (text, random) => atEnd(text, /[^\r\n]\r\n/g, random, `${random.pick(lines)}\r\n`),
  'repeat a line': (text, random) => {
    const found = findLine(text, random)
    return found ? splice(text, found.at, 0, text.slice(found.at, found.at + found.length)) : text
  },
  'drop a line': (text, random) => {
    const found = findLine(text, random)
    return found ? splice(text, found.at, found.length, '') : text
  },
  'change a length': (text, random) => {
    const found = find(text, /(?<=Content-Length: )\d+/gi, random)
    if (!found) return text
    const now = Number(text.slice(found.at, found.at + found.length))
    const to = random.pick([
      now + 1,
      now - 1,
      0,
      now * 2,
      now + 100,
      Math.floor(now / 2),
      `0${now}`,
      `+${now}`,
      `${now} `,
      `${now},${now}`,
    ])
    return splice(text, found.at, found.length, String(to))
  },
  'change a coding': (text, random) => {
    const found = find(text, /(?<=Transfer-Encoding: )\w+/gi, random)
    return found
      ? splice(
          text,
          found.at,
          found.length,
          random.pick([
            'Chunked',
            'chunked,',
            ',chunked',
            'identity',
            'chunked, chunked',
            '"chunked"',
            '\tchunked',
            'chunked\x0b',
            'gzip',
            '',
          ]),
        )
      : text
  },
  'change a chunk size': (text, random) => {
    const found = find(text, /(?<=\r\n)[0-9a-f]{1,4}(?=\r\n)/gi, random)
    return found
      ? splice(
          text,
          found.at,
          found.length,
          random.pick(['0', '1', '5', 'a', 'ff', '00', '5;x=y', ' 5', '5 ', '0x5', 'G', '', '-1', 'fffffffffffffffff']),
        )
      : text
  },
  'insert a chunk': (text, random) => atEnd(text, /\r\n/g, random, random.pick(chunks)),
  'insert a start': (text, random) => splice(text, random.below(text.length + 1), 0, random.pick(starts)),
  'replace the start': (text, random) => text.replace(/^\S+ ?/, random.pick(starts)),
  'change a version': (text, random) => {
    const found = find(text, /HTTP\/1\.1/g, random)
    return found
      ? splice(
          text,
          found.at,
          found.length,
          random.pick(['HTTP/1.0', 'HTTP/1.10', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/0.9', 'HTTP/1.2']),
        )
      : text
  },
  'hide a request': (text, random, hidden) => splice(text, random.below(text.length + 1), 0, hidden),
  'hide a request at a line': (text, random, hidden) => atEnd(text, /\r\n/g, random, hidden),
  'add what follows': (text, _random, hidden) => text + hidden,
}

const names = Object.keys(mutators) as [string, ...string[]]

/** Applies up to `most` of them; `tried` learns their names. */
export function mutate(
  text: string,
  random: Random,
  most: number,
  hidden: string,
  tried: (name: string) => void,
): string {
  let result = text
  for (let left = 1 + random.below(most); left > 0; left -= 1) {
    const name = random.pick(names)
    tried(name)
    if (result.length > 0) result = mutators[name]?.(result, random, hidden) ?? result
  }
  return result
}
