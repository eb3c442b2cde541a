import * as fc from 'fast-check'

/**
 * Streams of messages: most parts are well-formed, so that a stream gets far; a few are what smuggling is made of, and
 * some streams are torn afterwards.
 */
export const requestStreams: fc.Arbitrary<string> = streams('request')
export const responseStreams: fc.Arbitrary<string> = streams('response')

/** Places at which a stream is cut: a few, or behind every byte. */
export const cuts: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.nat(400), { maxLength: 12, size: 'max' }),
  fc.constant(Array.from({ length: 3000 }, (_, index) => index)),
)

function streams(side: 'request' | 'response'): fc.Arbitrary<string> {
  const message = fc.tuple(startLine(side), fields(), payload()).map(([line, lines, [framing, body]]) => {
    // The framing stands between the other fields, not always last.
    const all = lines.toSpliced(lines.length >> 1, 0, ...framing)
    return `${[line, 'Host: h:80', ...all].join('\r\n')}\r\n\r\n${body}`
  })
  const list = fc.array(message, { minLength: 1, maxLength: 5, size: 'max' }).map((messages) => messages.join(''))
  const torn = fc.tuple(list, damage()).map(([text, { at, remove, insert }]) => {
    const place = at % (text.length + 1)
    return text.slice(0, place) + insert + text.slice(place + remove)
  })
  return fc.oneof({ arbitrary: list, weight: 2 }, { arbitrary: torn, weight: 1 })
}

function startLine(side: 'request' | 'response'): fc.Arbitrary<string> {
  const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(''))
  if (side === 'response') {
    const codes = mostly(['200', '404', '103', '204', '304', '999'], ['101', '99', '1000'])
    return joined(
      mostly(['HTTP/1.1 ', 'HTTP/1.1 ', 'HTTP/1.1 ', 'HTTP/1.0 '], ['HTTP/2.0 ', 'X ']),
      codes,
      mostly([' OK', '', ' ', ' a b'], ['  ', '\t']),
    )
  }
  return joined(
    mostly(['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PUT'], ['FOO', 'CONNECT', 'get', '']),
    mostly(
      [' /', ' /a?b=c', ' /%2e%2e/', ' http://h/x', ' http://h?q', ' //h/x', ' /{}|^"<>\\`'],
      [' *', ' /a#b', ' a', '  /'],
    ),
    mostly(
      [' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.1', ' HTTP/1.0'],
      [' HTTP/1.2', ' HTTP/2.0', ' HTTP/1.1 ', ''],
    ),
  )
}

function fields(): fc.Arbitrary<string[]> {
  const good = [
    'X-A: b',
    'x-a:b',
    'Connection: keep-alive',
    'Connection: x-a',
    'X-Empty:',
    'X-Padded: \t a b \t ',
    'X-Obs: caf\xe9',
  ]
  const alsoGood = [
    'Expect: 100-continue',
    'Upgrade: websocket',
    'TE: trailers',
    'Trailer: X-T',
    'Cookie: a=b; c=d',
    'Accept: a, b',
  ]
  const lookAlike = ['Transfer_Encoding: chunked', 'Content.Length: 3', 'X-Content-Length: 3']
  const bad = [
    'Host: h',
    ' folded',
    'X-A : b',
    'no-colon',
    'Connection: close',
    'Connection: upgrade',
    'X-A: a\rb',
    ': x',
  ]
  return fc.array(mostly([...good, ...alsoGood, ...lookAlike], bad, 40), { maxLength: 6, size: 'max' })
}

/** The framing fields, and the body that they announce or another one. */
function payload(): fc.Arbitrary<[string[], string]> {
  const body = fc.oneof(fc.constantFrom('', 'hello', 'GET /in-body HTTP/1.1\r\nHost: h\r\n\r\n', '0\r\n\r\n'), chunks())
  const spelling = mostly(
    ['Content-Length: ', 'content-length:', 'Content-Length: 0'],
    ['Content-Length: +', 'Content-Length : '],
    30,
  )
  const sized = fc.tuple(spelling, body).map(([name, text]): [string[], string] => [[`${name}${text.length}`], text])
  const coding = mostly(
    ['Transfer-Encoding: chunked', 'transfer-encoding:\tChunked '],
    [
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding:',
    ],
    20,
  )
  const chunked = fc.tuple(coding, chunks()).map(([field, text]): [string[], string] => [[field], text])
  const both = fc
    .tuple(coding, spelling, body)
    .map(([field, name, text]): [string[], string] => [[field, `${name}${text.length}`], text])
  const mismatched = fc.tuple(coding, body).map(([field, text]): [string[], string] => [[field], text])
  return fc.oneof(
    { arbitrary: fc.constant<[string[], string]>([[], '']), weight: 3 },
    { arbitrary: sized, weight: 6 },
    { arbitrary: chunked, weight: 6 },
    { arbitrary: fc.oneof(both, mismatched), weight: 1 },
  )
}

function chunks(): fc.Arbitrary<string> {
  const chunk = mostly(
    [
      '5\r\nhello\r\n',
      '1\r\nx\r\n',
      '5;a=b\r\nhello\r\n',
      '0005\r\nhello\r\n',
      'A\r\n0123456789\r\n',
      '4\r\n\r\n\r\n\r\n',
    ],
    ['5\r\nhel\r\n', '5 \r\nhello\r\n', '5\nhello\r\n', '5\r\nhello\n', '5;\nhello\r\n', '-1\r\n', '5\r\nhelloX'],
    40,
  )
  const last = mostly(
    ['0\r\n\r\n', '000\r\n\r\n', '0\r\nX-T: 1\r\n\r\n', '0;a\r\nHost: evil\r\nX-U: 2\r\n\r\n'],
    ['0\r\n', '', '0\r\n\n'],
    30,
  )
  return fc.tuple(fc.array(chunk, { maxLength: 4, size: 'max' }), last).map(([list, end]) => list.join('') + end)
}

function damage(): fc.Arbitrary<{ at: number; remove: number; insert: string }> {
  const bytes = ['', '\n', '\r', '\r\n', ' ', '\t', '\0', ':', '\x0b', ',', '\x80', '0', ';', '\r\n\r\n']
  return fc.record({
    at: fc.nat(3000),
    remove: fc.constantFrom(0, 1, 2),
    insert: fc.constantFrom(...bytes, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'),
  })
}

/** One of the good ones, and once in `rarity` one of the bad. */
function mostly(good: readonly string[], bad: readonly string[], rarity = 60): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: fc.constantFrom(...good), weight: rarity - 1 },
    { arbitrary: fc.constantFrom(...bad), weight: 1 },
  )
}
