import { METHODS } from 'node:http'

import { type FieldPair, valuesIn } from '../../test/conformance/strict.ts'
import { nodeServerReads } from '../../test/http/node-parser.ts'
import type { Arrival, Seen } from './app.ts'
import type { Heard } from './client.ts'
import type { Input } from './grammar.ts'
import { isSame, type Matches, matchArrivals } from './match.ts'
import type { RequestRead, StreamRead } from './reference.ts'

export interface Verdict {
  /** Empty when nothing is. */
  readonly wrong: string[]
  /** Requests that may still arrive. */
  readonly open: readonly RequestRead[]
}

/** What is wrong with one case. `earlier`: requests of the cases before that had not arrived. */
export async function judge(
  prefix: string,
  input: Pick<Input, 'text' | 'clean'>,
  read: StreamRead,
  heard: Heard,
  seen: Seen,
  { earlier, differ }: { readonly earlier: readonly RequestRead[]; readonly differ: boolean },
): Promise<Verdict> {
  const wrong: string[] = []
  if (!heard.closed) wrong.push('The connection was not closed in time after the client had ended its side.')
  for (const bad of seen.bad) wrong.push(`The app was sent ${bad}`)
  if (heard.bad !== null) wrong.push(`The client was sent ${heard.bad}: ${JSON.stringify(heard.text.slice(0, 1_000))}`)
  if (differ) wrong.push(...(await readByNode(seen.arrivals)))
  const matches = matchArrivals(prefix, read.requests, earlier, seen.arrivals)
  if ('message' in matches) {
    const raw = JSON.stringify(matches.message.raw.slice(0, 1_000))
    wrong.push(`A request arrived that the client did not send: ${raw}`)
    return { wrong, open: [...earlier, ...read.requests] }
  }
  wrong.push(...judgeAnswers(prefix, read, heard, matches.own, seen))
  if (input.clean) wrong.push(...judgeClean(read, heard, matches.own, seen))
  return { wrong, open: matches.open }
}

function judgeAnswers(
  prefix: string,
  read: StreamRead,
  { finals }: Heard,
  matched: Matches['own'],
  { arrivals, early }: Seen,
): string[] {
  const wrong: string[] = []
  const most = read.requests.length + (read.end === 'between' ? 0 : 1)
  if (finals.length > most) wrong.push(`${finals.length} responses to ${read.requests.length} requests`)
  for (const [index, { fields, start }] of finals.entries()) {
    // Of two equal requests either may be the one that arrived; which it was, the id tells that both sides were given.
    const request = read.requests[index]
    const own = matched
      .filter((one) => one.index === index || (request && isSame(request, one.arrival, prefix)))
      .map(({ arrival }) => arrival)
      .filter((arrival) => requestId(arrival.message.fields) === requestId(fields))
    for (const marker of valuesIn(fields, 'x-marker')) {
      if (marker === 'forged') {
        if (own.some(({ answer }) => forgedIsFinal(answer.text)) || early.some(forgedIsFinal)) continue
      } else {
        if (own.some((arrival) => arrival.marker === marker)) continue
        // A marker that was itself spoilt by a mutation tells nothing.
        if (own.some(({ answer }) => answer.good === null && answer.text.includes(marker))) continue
        // The answer to a request whose body never became whole is not among the arrivals.
        const isKnown = arrivals.some((arrival) => arrival.marker === marker)
        if (own.length === 0 && !isKnown && early.some((text) => text.includes(marker))) continue
      }
      wrong.push(`Response ${index} (${start}) is marked "${marker}", which belongs to another request`)
    }
  }
  return wrong
}

function requestId(fields: readonly FieldPair[]): string | undefined {
  return valuesIn(fields, 'x-request-id')[0]
}

/** Whether a mutation made the response before the forged one an interim one, so that the forged one is the answer. */
function forgedIsFinal(text: string): boolean {
  let at = 0
  while (/^HTTP\/1\.\d 1\d\d/.test(text.slice(at, at + 12))) {
    const end = /\n\r?\n/.exec(text.slice(at))
    if (!end) return false
    at += end.index + end[0].length
  }
  const [head = ''] = text.slice(at).split(/\n\r?\n/, 1)
  return /X-Marker: ?forged/i.test(head)
}

/** What was not spoilt must be answered, in full. */
function judgeClean(read: StreamRead, heard: Heard, matched: Matches['own'], seen: Seen): string[] {
  const wrong: string[] = []
  if (read.end !== 'between') return [`The reference does not read a clean input: ${read.end}`]
  if (!heard.inTime)
    return [
      `Only ${heard.finals.length} of ${read.requests.length} answers came in time: ${JSON.stringify(heard.text.slice(-500))}`,
    ]
  for (const [index, { method, target }] of read.requests.entries()) {
    const final = heard.finals[index]
    const what = `${method} ${target}`
    if (!final) {
      // After a refused offer to switch, or an upload answered early, the connection may end.
      if (index > 0 && heard.finals.length > 0) continue
      wrong.push(`${what} was not answered`)
      continue
    }
    const status = Number(final.start.slice(9, 12))
    const own = matched.findLast((one) => one.index === index)?.arrival
    if (own) {
      const { good } = own.answer
      if (status === 101) continue
      if (good && (status !== good.status || final.body !== good.body))
        wrong.push(`${what} was answered with ${final.start} instead of ${good.status}, or with another body`)
    } else if (status === 502 && performance.now() - seen.rude < 1_000) {
      // It met a connection that the app had just closed.
    } else if (status !== 401) wrong.push(`${what} was answered with ${final.start} and did not reach the app`)
  }
  return wrong
}

/** llhttp must read what the app was sent as the same single message. */
async function readByNode(arrivals: readonly Arrival[]): Promise<string[]> {
  const wrong: string[] = []
  for (const { message, method, target } of arrivals) {
    if (!METHODS.includes(method)) continue
    const { messages, error } = await nodeServerReads(message.raw, 1)
    const [one] = messages
    const same =
      one?.start === `${method} ${target}` && one.body === message.body && one.fields.length === message.fields.length
    if (!same)
      wrong.push(`llhttp reads ${JSON.stringify(one ?? error)} in ${JSON.stringify(message.raw.slice(0, 1_000))}`)
  }
  return wrong
}
