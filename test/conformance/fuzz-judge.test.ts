import assert from 'node:assert/strict'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'

import { type Arrival, FuzzApp } from '../../bench/fuzz/app.ts'
import { type Heard, talk } from '../../bench/fuzz/client.ts'
import { judge } from '../../bench/fuzz/judge.ts'
import { readRequests, type RequestRead } from '../../bench/fuzz/reference.ts'
import { readTarget } from '../../bench/fuzz/target.ts'
import { readRequest, readResponse } from './strict.ts'

/** Whether the fuzzer would see a broken gateway: its judge is shown what right and wrong ones do. */

const prefix = '/api/alpha'
const forged = 'HTTP/1.1 200 OK\r\nX-Marker: forged\r\nContent-Length: 4\r\n\r\nevil'

test('what was sent and answered in order is right, also under targets that a mutation bent', async () => {
  const sent = get('c1-0') + get('c984+38-1?//x/../y') + get('c1/%2e%2e/c2-0') + get('c271//x/../y')
  const arrivals = [arrive('/c1-0', 0), arrive('/c984+38-1?//x/../y', 1), arrive('/c2-0', 2), arrive('/c271//y', 3)]
  assert.deepEqual(await judged(sent, arrivals, [0, 1, 2, 3].map(answer).join('')), [])
})

test('a request that is the body of another, or that nobody sent, is found', async () => {
  const hidden = get('c1-body')
  const sent = `POST ${prefix}/c1-0 HTTP/1.1\r\nHost: h\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`
  const smuggled = await judged(sent, [arrive('/c1-0', 0, { method: 'POST' }), arrive('/c1-body', 1)], answer(0))
  assert.match(smuggled.join(), /did not send: "POST \/c1-0/)
  const whole = arrive('/c1-0', 0, { method: 'POST', body: hidden })
  assert.deepEqual(await judged(sent, [whole], answer(0)), [])
  assert.match((await judged(sent, [whole, arrive('/c1-body', 1)], answer(0))).join(), /did not send: "GET \/c1-body/)
  assert.match((await judged(get('c1-0'), [arrive('/c9-0', 0)], answer(0))).join(), /did not send/)
})

test('a request that arrives twice, out of order or with a field that was not sent is found', async () => {
  const twice = [arrive('/c1-0', 0), arrive('/c1-0', 1)]
  assert.match((await judged(get('c1-0'), twice, answer(1))).join(), /did not send/)
  const swapped = [arrive('/c1-1', 0), arrive('/c1-0', 1)]
  assert.match((await judged(get('c1-0') + get('c1-1'), swapped, answer(1) + answer(0))).join(), /did not send/)
  const more = [arrive('/c1-0', 0, { fields: 'X-Admin: 1\r\n' })]
  assert.match((await judged(get('c1-0'), more, answer(0))).join(), /did not send/)
})

test('an earlier request may be late, and is then the one that was sent, once', async () => {
  const { requests: earlier } = readRequests(get('c271//x/../y') + get('?a=%zz&b=;'))
  const own = arrive('/g9065-0?a=%zz&b=;', 1)
  const late = [arrive('/c271//y', 0), own]
  assert.deepEqual(await judged(get('g9065-0?a=%zz&b=;'), late, answer(1), earlier), [])
  const twice = [arrive('/c271//y', 0), arrive('/c271//y', 1)]
  assert.match((await judged(get('c1-0'), twice, '', earlier)).join(), /did not send/)
  const other = [arrive('/c272//y', 0)]
  assert.match((await judged(get('c1-0'), other, '', earlier)).join(), /did not send/)
  assert.match((await judged(get('g9065-0?a=%zz&b=;'), late, answer(0), earlier)).join(), /belongs to another/)
})

test('an answer to another request, of now or before, is found', async () => {
  const sent = get('c1-0') + get('c1-1')
  const arrivals = [arrive('/c1-0', 0), arrive('/c1-1', 1)]
  assert.match((await judged(sent, arrivals, answer(1) + answer(0))).join(), /Response 0 .* another request/)
  const equal = [arrive('/c1-0', 0), arrive('/c1-0', 1)]
  assert.deepEqual(await judged(get('c1-0') + get('c1-0'), equal, answer(0) + answer(1)), [])
  assert.match(
    (await judged(get('c1-0') + get('c1-0'), equal, answer(1, 0) + answer(0, 1))).join(),
    /Response 0 .* another/,
  )
  assert.match((await judged(sent, arrivals, answer(0) + answer(0, 1))).join(), /Response 1 .* another request/)
  assert.match((await judged(sent, arrivals, answer(0) + answer(7, 1))).join(), /Response 1 .* another request/)
  assert.match((await judged(sent, arrivals.slice(0, 1), answer(0) + answer(7))).join(), /Response 1 .* another/)
})

test('a response behind an answer is not one, unless a mutation made it the answer', async () => {
  const taken = forged.replace('X-Marker', 'X-Request-Id: id-0\r\nX-Marker')
  const behind = [arrive('/c1-0', 0, { says: `${answer(0)}${forged}` })]
  assert.match((await judged(get('c1-0'), behind, taken)).join(), /"forged", which belongs to another/)
  const first = [arrive('/c1-0', 0, { says: `${forged}${answer(0)}` })]
  assert.deepEqual(await judged(get('c1-0'), first, taken), [])
})

test('a relay that overlooks chunked bodies is found out through sockets', async () => {
  const plain = (text: string): string => text.replace(prefix, '').replace('X-A: 1', 'X-Request-Id: id-0')
  assert.deepEqual(await throughRelay(plain), [])
  // It forwards the head without its framing, and the chunk as what comes next.
  const blind = (text: string): string => text.replace(/Transfer-Encoding.*\r\n/, '').replace(/^[0-9a-f]+\r\n/m, '')
  assert.match(
    (await throughRelay((text) => blind(plain(text)))).join('\n'),
    /A request arrived that the client did not/,
  )
})

test('a target is read to the letter of RFC 3986, and leads nowhere else', () => {
  const seen = (target: string): string | null => readTarget(target, prefix)
  assert.equal(seen('/api/alpha/c1//x/../y?z/../'), '/c1//y?z/../')
  assert.equal(seen('http://h/api/./x/%2E./alpha/c1/..'), '/')
  assert.equal(seen('///api/alpha//c1'), '/c1')
  assert.equal(seen('/api/alpha?q'), '/?q')
  for (const other of ['*', '/api/alphabet', '/api/alpha/../beta/x', '/API/alpha/x', 'h:80'])
    assert.equal(seen(other), null)
})

/** What the judge says of a relay that rewrites a chunked upload, whose data is a request, in this way. */
async function throughRelay(rewrite: (text: string) => string): Promise<string[]> {
  const said = { text: answer(0), after: 'keep', good: null, early: false } as const
  await using app = await FuzzApp.listen((_request, turn) => ({ answer: said, marker: `m${turn}` }))
  const relay = net.createServer((client) => {
    const upstream = net.connect(app.port, '127.0.0.1')
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('data', (data) => void upstream.write(rewrite(data.toString('latin1')), 'latin1'))
    client.on('close', () => upstream.destroy())
    upstream.pipe(client)
    client.on('end', () => upstream.end())
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const hidden = get('c1-body')
  const chunks = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
  const text = `POST ${prefix}/c1-0 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`
  const read = readRequests(text)
  const heard = await talk((relay.address() as AddressInfo).port, { text, cuts: [], clean: false, ends: 'wait' }, read)
  const closed = new Promise((resolve) => relay.close(resolve))
  const { wrong } = await judge(prefix, { text, clean: false }, read, heard, app.take(), { earlier: [], differ: false })
  await closed
  return wrong
}

function get(rest: string): string {
  return `GET ${prefix}/${rest} HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n`
}

/** `turn` is the app's marker, `id` the gateway's name of the exchange; the same when nothing is mixed up. */
function answer(turn: number, id: number = turn): string {
  return `HTTP/1.1 200 OK\r\nX-Marker: m${turn}\r\nX-Request-Id: id-${id}\r\nContent-Length: 2\r\n\r\nhi`
}

interface Told {
  readonly method?: string
  readonly body?: string
  readonly fields?: string
  readonly says?: string
}

function arrive(target: string, turn: number, { method = 'GET', body = '', fields = '', says }: Told = {}): Arrival {
  const own = method === 'GET' ? 'x-a: 1\r\n' : `Content-Length: ${body.length}\r\n`
  const step = readRequest(
    `${method} ${target} HTTP/1.1\r\nHost: h\r\n${own}${fields}X-Request-Id: id-${turn}\r\n\r\n${body}`,
  )
  assert.ok(step.kind === 'whole')
  const said = { text: says ?? answer(turn), after: 'keep', good: null, early: false } as const
  return { message: step.message, method, target, answer: said, marker: `m${turn}`, silent: false }
}

async function judged(
  text: string,
  arrivals: readonly Arrival[],
  answers: string,
  earlier: readonly RequestRead[] = [],
): Promise<string[]> {
  const finals: Heard['finals'][number][] = []
  for (let at = 0; at < answers.length;) {
    const step = readResponse(answers, at, 'GET', true)
    assert.ok(step.kind === 'whole')
    finals.push(step.message)
    at = step.end
  }
  const heard: Heard = { finals, bad: null, closed: true, inTime: true, text: answers }
  const seen = { arrivals, bad: [], early: [], rude: 0 }
  const input = { text, clean: false }
  return (await judge(prefix, input, readRequests(text), heard, seen, { earlier, differ: false })).wrong
}
