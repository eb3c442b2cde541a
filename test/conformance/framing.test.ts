import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ask, hidden, known, ok, refuses, refusesAll, route, startRig } from './kit.ts'

/** Section 2: request body framing and smuggling. */

const post = (lines: readonly string[], body: string): string => ask('POST /x', ...lines) + body
const coding = (value: string): string => `Transfer-Encoding: ${value}`
const chunked = (body: string): string => post(['Transfer-Encoding: chunked'], body)
const five = 'Content-Length: 5'

test('rule 27: Content-Length before Transfer-Encoding is refused', async () => {
  await refusesAll([
    post(['Content-Length: 6', coding('chunked')], '0\r\n\r\nX'),
    post([`Content-Length: ${5 + hidden.length}`, coding('chunked')], `0\r\n\r\n${hidden}`),
    post(['Content-Length: 0', coding('chunked')], '0\r\n\r\n'),
  ])
})

test('rule 28: Transfer-Encoding before Content-Length is refused', async () => {
  const size = hidden.length.toString(16)
  await refusesAll([
    post([coding('chunked'), 'Content-Length: 4'], `${size}\r\n${hidden}\r\n0\r\n\r\n`),
    post([coding('chunked'), 'X-A: 1', 'content-length: 5'], '0\r\n\r\n'),
  ])
})

test('rule 29: Transfer-Encoding in HTTP/1.0 is refused', async () => {
  const old = (...lines: string[]): string => chunkedOld(lines)
  await refusesAll([old(), old('Connection: keep-alive'), old('Content-Length: 5')])
})

function chunkedOld(lines: readonly string[]): string {
  return post([coding('chunked'), ...lines], '0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')
}

test('rule 30: every other spelling of a coding is refused', async () => {
  const values = [
    'identity',
    'chunked, identity',
    'chunked, chunked',
    'xchunked',
    'chunkedx',
    '\x0bchunked',
    'chunked\x0b',
    '"chunked"',
    '\0chunked',
    '',
    'chunked;q=1',
    '\xffchunked',
    'chunked\xa0',
    'gzip',
    'gzip, chunked',
    'deflate',
    'chunk',
    'chun ked',
    "'chunked'",
    'chunked chunked',
    '\x0cchunked',
    'compress',
    'chunked, gzip',
    'cow',
  ]
  for (const value of values) await refuses(post([coding(value)], `0\r\n\r\n`), [400, 501])
  for (const value of ['identity', '', 'xchunked']) await refuses(post([coding(value), five], 'hello'), [400, 501])
})

test('rule 31: a coding in a list with empty or other members is refused', async () => {
  for (const value of [
    'identity, chunked',
    'chunked,',
    ',chunked',
    ', chunked',
    'chunked ,',
    'JUNK, chunked',
    '\r\n chunked',
    'chunked\r\n ',
  ])
    await refuses(post([coding(value)], '0\r\n\r\n'), [400, 501])
})

test('rule 32: legal spellings of chunked are taken and sent on as one', async () => {
  await using rig = await startRig()
  const lines = [
    'Transfer-Encoding: Chunked',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: chunked \t',
    'Transfer-Encoding:chunked',
    'TRANSFER-ENCODING:   CHUNKED',
    'transfer-encoding: \t chunked',
  ]
  for (const line of lines) {
    assert.equal((await rig.say(post([line], '3\r\nabc\r\n0\r\n\r\n'))).status, 200, line)
    const request = rig.child.requests.at(-1)
    assert.deepEqual([request?.body, request?.all('transfer-encoding')], ['abc', ['chunked']], line)
  }
  assert.deepEqual(rig.child.bad, [])
})

test('rule 33: more than one Transfer-Encoding line is refused', async () => {
  const pairs = [
    ['chunked', 'chunked'],
    ['chunked', 'identity'],
    ['identity', 'chunked'],
    ['chunked', ''],
    ['', 'chunked'],
    ['cow', 'chunked'],
  ] as const
  for (const [one, two] of pairs) await refuses(post([coding(one), coding(two)], '0\r\n\r\n'), [400, 501])
  await refuses(post([coding('chunked'), coding('cow'), five], '0\r\n\r\n'), [400, 501])
})

test('rule 34: a Transfer-Encoding hidden behind CR or LF is refused', async () => {
  for (const end of ['\r', '\n', '\r\r\n', '\n\r\n'])
    await refuses(post([`X-A: y${end}Transfer-Encoding: chunked`, five], '0\r\n\r\n'))
  await refuses(post([five, 'X-A: y\n\nGET /api/app1/hidden HTTP/1.1'], '0\r\n\r\n'))
})

test('rule 35: names that look like a framing field never pass', async () => {
  await using rig = await startRig()
  for (const line of [
    'Transfer_Encoding: chunked',
    'Content_Length: 0',
    'content.length: 1',
    'transfer.encoding: chunked',
    'TRANSFER_ENCODING: x',
  ]) {
    const reply = await rig.say(post([five, line], 'hello'))
    if (reply.status === 400) continue
    const request = rig.child.requests.at(-1)
    assert.equal(request?.body, 'hello', line)
    assert.deepEqual(
      request?.names.filter((name) => /^(transfer|content)[_.]/.test(name)),
      [],
      line,
    )
  }
  await refuses(post([five, 'Transfer-Encoding\x85: chunked'], 'hello'))
  await refuses(post([five, 'Transfer-Encoding\xa0: chunked'], 'hello'))
})

test('rule 36: a Content-Length that is not one decimal number is refused', async () => {
  const big = (2n ** 64n + 5n).toString()
  const values = [
    '+5',
    '-5',
    '5 5',
    '0x5',
    '5;',
    '5.0',
    '5_0',
    '\x0b5',
    '',
    big,
    '9'.repeat(400),
    '5,6',
    '5,',
    ',5',
    '5e0',
    'five',
    '5\xa0',
    '٥',
    '0b101',
    '-0',
    '1,5',
    '5\x0c',
    String(2n ** 63n),
    '18446744073709551615',
  ]
  await refusesAll(values.map((value) => post([`Content-Length: ${Buffer.from(value).toString('latin1')}`], 'hello')))
})

test('rule 37: legal spellings of a length are taken and sent on as one decimal number', async () => {
  await using rig = await startRig()
  for (const value of ['5 ', '05', `${'0'.repeat(40)}5`, '\t5\t', '  5', '5']) {
    const reply = await rig.say(post([`Content-Length: ${value}`], 'hello'))
    assert.equal(reply.status, 200, JSON.stringify(value))
    const request = rig.child.requests.at(-1)
    assert.deepEqual([request?.body, request?.all('content-length')], ['hello', ['5']], JSON.stringify(value))
  }
  assert.deepEqual(rig.child.bad, [])
})

test('rule 38: a Content-Length given more than once is refused, equal or not', async () => {
  await refusesAll([
    post([five, five], 'hello'),
    post(['Content-Length: 5, 5'], 'hello'),
    post([five, 'Content-Length: 6'], 'hello!'),
    post(['Content-Length: 0', 'X-A: 1', 'content-length: 5'], 'hello'),
    post([five, 'Content-Length:'], 'hello'),
  ])
})

test('rule 39: a chunk size that is not hexadecimal digits is refused', async () => {
  const sizes = [
    ' 5',
    '+5',
    '-1',
    '0x5',
    '5_0',
    'G',
    '',
    '\t5',
    '5g',
    '"5"',
    'FFFFFFFFFFFFFFFF1',
    '10000000000000005',
    'f'.repeat(17),
    '5.0',
    '5,',
    '٥',
    '-0',
  ]
  for (const size of sizes)
    await refuses(chunked(`${Buffer.from(size).toString('latin1')}\r\nhello\r\n0\r\n\r\n`), [400, 413])
  for (const end of ['\r\n\r\n', ';x\r\n\r\n', '5\r\nhello\r\n\r\n\r\n']) await refuses(chunked(end))
})

test('rule 40: chunk data not followed by CR LF is refused', async () => {
  await refusesAll(
    [
      '5\r\nhelloX0\r\n\r\n',
      '5\r\nhelloXX0\r\n\r\n',
      '5\r\nhello\n0\r\n\r\n',
      '5\r\nhello0\r\n\r\n',
      '5\r\nhello\r0\r\n\r\n',
      '5\r\nhello\r\r\n0\r\n\r\n',
      '4\r\nhello\r\n0\r\n\r\n',
      '5\r\nhelloX\n0\r\n\r\n',
      '5\r\nhello\n\n0\r\n\r\n',
      '5\r\nhello\rX0\r\n\r\n',
    ].map(chunked),
  )
})

test('rule 41: chunk extensions are taken off', async () => {
  await using rig = await startRig()
  for (const line of ['5;a=b', '5;a="b;c"', '5;a', '5;a=b;c=d'])
    assert.equal((await rig.say(chunked(`${line}\r\nhello\r\n0;z=1\r\n\r\n`))).status, 200, line)
  for (const { body, raw } of rig.child.requests) {
    assert.equal(body, 'hello')
    assert.doesNotMatch(raw, /\r\n[0-9a-f]+;/i)
  }
  assert.deepEqual(rig.child.bad, [])
})

test('rule 41: chunk extensions that outweigh the data are refused', async () => {
  await refuses(chunked(`5;${'a'.repeat(100_000)}\r\nhello\r\n0\r\n\r\n`), [400, 413, 431])
  await refuses(chunked(`${`1;${'a'.repeat(500)}\r\nx\r\n`.repeat(2_000)}0\r\n\r\n`), [400, 413, 431])
})

test('rule 42: control bytes and bare line ends in the line of a chunk size are refused', async () => {
  const bodies = [
    '5;a\nhello\r\n0\r\n\r\n',
    '2;\nxx\r\n0\r\n\r\n',
    '5;a\rb\r\nhello\r\n0\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    '5 \r\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\n\r\n',
    '5\r\nhello\r\n0\r\n\n',
    '5;a\0\r\nhello\r\n0\r\n\r\n',
    '5\rhello\r\n0\r\n\r\n',
    '5\t\r\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\r\r\n\r\n',
    '5;a\x7f\r\nhello\r\n0\r\n\r\n',
    '5\rXhello\r\n0\r\n\r\n',
    '5;a\rXhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\rX\r\n',
    '5\r\nhello\r\n0\r\n\rX',
  ]
  await refusesAll(bodies.map(chunked))
})

test('rule 43: every legal form of chunks is taken', async () => {
  await using rig = await startRig()
  const bodies = [
    '5\r\nhello\r\n000\r\n\r\n',
    '005\r\nhello\r\n0\r\n\r\n',
    '2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n',
    '0000000005\r\nhello\r\n0\r\n\r\n',
  ]
  for (const body of bodies) {
    assert.equal((await rig.say(chunked(body))).status, 200, body)
    assert.equal(rig.child.requests.at(-1)?.body, 'hello', body)
  }
  const upper = 'x'.repeat(0x1f)
  for (const size of ['1F', '1f']) {
    assert.equal((await rig.say(chunked(`${size}\r\n${upper}\r\n0\r\n\r\n`))).status, 200)
    assert.equal(rig.child.requests.at(-1)?.body, upper)
  }
  assert.deepEqual(rig.child.bad, [])
})

test('rule 44: trailers that frame, route or authenticate do not reach the app', async () => {
  await using rig = await startRig()
  const names = [
    'Content-Length: 9',
    'Host: evil',
    'Authorization: x',
    'X-API-Token: x',
    'Transfer-Encoding: chunked',
    'X-Forwarded-For: 1.2.3.4',
    'X-Auth-Subject: root',
    'Cookie: a=1',
    'Connection: close',
    'X_Forwarded_For: x',
  ]
  for (const name of names) {
    const peer = await rig.dial()
    peer.send(chunked(`3\r\nabc\r\n0\r\n${name}\r\n\r\n`))
    const reply = await peer.response()
    if (reply.status === 400) continue
    const request = rig.child.requests.at(-1)
    assert.equal(request?.body, 'abc', name)
    assert.deepEqual(request?.trailers, [], name)
    assert.deepEqual(request?.all('host'), ['h'])
    peer.send(ask('GET /next'))
    assert.equal((await peer.response()).status, 200)
  }
})

test('rule 45: without the last empty line the next request is a bad trailer', async () => {
  for (const body of ['3\r\nabc\r\n0\r\n', '0\r\n', '3\r\nabc\r\n0\r\nX-T: 1\r\n']) await refuses(chunked(body))
})

test('rule 46: a body on any method arrives with its framing', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  const size = hidden.length.toString(16)
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'PUT']) {
    peer.send(ask(`${method} /chunked`, 'Transfer-Encoding: chunked') + `${size}\r\n${hidden}\r\n0\r\n\r\n`)
    const answer = await peer.response(method).catch(() => null)
    assert.equal(answer?.status, 200, method)
    peer.send(ask(`${method} /length`, `Content-Length: ${hidden.length}`) + hidden)
    assert.equal((await peer.response(method)).status, 200, method)
    const [one, two] = rig.child.requests.slice(-2)
    assert.deepEqual([one?.method, one?.target, one?.body], [method, '/chunked', hidden])
    assert.deepEqual([two?.method, two?.target, two?.body], [method, '/length', hidden])
  }
  assert.equal(rig.child.requests.length, 12)
  assert.deepEqual(rig.child.bad, [])
})

test('rule 47: bytes behind a POST without a length are a bad request of their own', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(`${ask('POST /x')}hello\r\n\r\n${hidden}`)
  assert.equal((await peer.response()).status, 200)
  assert.equal((await peer.response()).status, 400)
  await peer.untilEnded()
  assert.equal(peer.rest(), '')
  assert.deepEqual(
    rig.child.requests.map(({ target, body, framing }) => [target, body, framing !== 'chunked']),
    [['/x', '', true]],
  )
})

test('rule 48: pipelined requests are answered in order, the first one being the slowest', async () => {
  await using rig = await startRig()
  const late: (() => void)[] = []
  rig.child.script = (peer, { target }) => {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`
    if (target !== '/slow') return answer
    late.push(() => peer.send(answer))
    return undefined
  }
  const peer = await rig.dial()
  peer.send(ask('GET /slow') + ask('POST /two', 'Content-Length: 3') + 'abc' + ask('GET /three'))
  await rig.child.request()
  for (const answer of late) answer()
  for (const body of ['/slow', '/two', '/three']) assert.equal((await peer.response()).body, body)
})

test('rule 48: each pipelined request is routed and authorised for itself', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(
    `${ask('GET /1')}GET /api/app1/2 HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.1\r\n${known}\r\n${ask('GET /4')}`,
  )
  const statuses = [await peer.response(), await peer.response(), await peer.response(), await peer.response()]
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 401, 404, 200],
  )
  assert.deepEqual(
    rig.child.requests.map(({ target }) => target),
    ['/1', '/4'],
  )
})

test('rule 49: the body of a request that was answered early is never a request', async () => {
  await using rig = await startRig()
  const anonymous = 'POST /api/app1/x HTTP/1.1\r\nHost: h\r\n'
  const nowhere = `POST /nothing HTTP/1.1\r\n${known}`
  const sized = `Content-Length: ${hidden.length}\r\n\r\n${hidden}`
  const pieces = `Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
  for (const [head, status] of [
    [anonymous, 401],
    [nowhere, 404],
  ] as const) {
    for (const body of [sized, pieces]) {
      const peer = await rig.dial()
      peer.send(head + body + ask('GET /next'))
      assert.equal((await peer.response()).status, status)
      // Either the connection goes on behind the body, or it ends.
      const next = await peer.response().catch(() => null)
      if (next) assert.equal(next.status, 200)
      else await peer.untilEnded()
      assert.equal(peer.rest(), '')
    }
  }
  for (const { target } of rig.child.requests) assert.equal(target, '/next')
})

test('rule 49: after a body that was answered early and is malformed nothing is read', async () => {
  await using rig = await startRig()
  for (const body of ['3\r\nabcX', 'G\r\n', '3\r\nabc\r\n0\r\nno trailer\r\n\r\n']) {
    const peer = await rig.dial()
    peer.send(`POST /api/app1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}${hidden}`)
    assert.equal((await peer.response()).status, 401)
    await peer.untilEnded()
    assert.equal(peer.rest(), '')
  }
  assert.equal((await rig.say(ask('GET /last'))).status, 200)
  assert.equal(rig.child.requests.length, 1)
})

test('rule 49: a body nobody wants is not read without end', async () => {
  await using rig = await startRig()
  const peer = await rig.dial()
  peer.send(`POST /api/app1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n`)
  assert.equal((await peer.response()).status, 401)
  const piece = Buffer.alloc(256 * 1024)
  let sent = 0
  const write = (): void => {
    let room = true
    while (room && !peer.closed && sent < 512 * 1024 * 1024) {
      sent += piece.length
      room = peer.socket.write(piece)
    }
    if (!room) peer.socket.once('drain', write)
  }
  write()
  await peer.until(() => peer.closed || peer.error, 'the end')
  assert.ok(sent < 256 * 1024 * 1024, `${sent} bytes were taken`)
})

test('rule 50: a body that is cut short is told to the app as such and never answered with 2xx', async () => {
  for (const bytes of [
    post(['Content-Length: 10'], 'hello'),
    chunked('5\r\nhello\r\n'),
    chunked('9\r\nhello'),
    chunked('5\r\nhello\r\n0\r\n'),
    chunked('5\r\nhello\r\n0\r\nX-T: 1\r\n'),
    chunked(''),
  ]) {
    await using rig = await startRig()
    const peer = await rig.dial()
    let heads = 0
    rig.child.onHead = () => void (heads += 1)
    peer.send(bytes)
    await rig.child.until(() => heads === 1, 'the head at the app')
    peer.socket.end()
    await peer.untilEnded()
    assert.doesNotMatch(peer.received, /^HTTP\/1\.1 2/, bytes)
    await rig.child.until(() => rig.child.peers[0]?.ended, 'the end at the app')
    assert.equal(rig.child.requests.length, 0, bytes)
    // What was in doubt is not used again.
    rig.child.onHead = null
    assert.equal((await rig.say(ask('GET /next'))).status, 200)
    assert.notEqual(rig.child.requests.at(-1)?.on, 0)
  }
})

test('rule 46: two apps behind one client connection get each their own bytes', async () => {
  await using rig = await startRig()
  await using other = await startRig({ script: () => ok })
  rig.routes([route('app1', rig.child.port), route('app2', other.child.port, {}, 2)])
  const peer = await rig.dial()
  peer.send(
    post([five], 'hello') + ask('DELETE /y', 'Transfer-Encoding: chunked').replace('app1', 'app2') + '0\r\n\r\n',
  )
  assert.equal((await peer.response()).status, 200)
  assert.equal((await peer.response()).status, 200)
  assert.deepEqual([rig.child.requests[0]?.body, other.child.requests[0]?.target], ['hello', '/y'])
})
