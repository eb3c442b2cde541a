import { METHODS } from 'node:http'

import { valuesIn } from '../../test/conformance/strict.ts'
import { nodeServerReads } from '../../test/http/node-parser.ts'
import type { Arrival, FuzzApp } from './app.ts'
import type { Heard } from './client.ts'
import type { Input, World } from './grammar.ts'
import type { RequestRead, StreamRead } from './reference.ts'

/** What is wrong with one case; empty when nothing is. */
export async function judge(
  world: World,
  input: Input,
  read: StreamRead,
  heard: Heard,
  app: FuzzApp,
  { earlier, differ }: { readonly earlier: readonly RequestRead[]; readonly differ: boolean },
): Promise<string[]> {
  const wrong: string[] = []
  if (!heard.closed && !mayGoUnseen(input, app))
    wrong.push('The connection was not closed in time after the client had ended its side.')
  for (const bad of app.bad) wrong.push(`The app was sent ${bad}`)
  // A client that resets its connection does not wait: what it sent may arrive while the next one talks.
  const own = app.arrivals.filter(
    (one) => one.target.includes(`${world.id}-`) || !earlier.some((it) => isLate(it, one, world.prefix)),
  )
  const matched = matchArrivals(world, read.requests, own)
  if (typeof matched === 'string') wrong.push(matched)
  if (heard.bad !== null) wrong.push(`The client was sent ${heard.bad}: ${JSON.stringify(heard.text.slice(0, 1_000))}`)
  if (typeof matched !== 'string') wrong.push(...judgeAnswers(world, read, heard, matched, app.early))
  if (input.clean && typeof matched !== 'string') wrong.push(...judgeClean(read, heard, matched, app))
  if (differ) wrong.push(...(await readByNode(app.arrivals)))
  return wrong
}

/**
 * Behind more bytes than the gateway holds for later, the end of a client is not seen before they are read, and they are
 * not read while an app that never ends its answer is being listened to.
 */
export function mayGoUnseen({ text }: Input, { arrivals }: FuzzApp): boolean {
  return text.length > 60_000 && arrivals.some(({ answer }) => answer.good === null && answer.after !== 'reset')
}

type Matched = readonly { readonly index: number; readonly arrival: Arrival }[]

/** Every arrival must be a request that the client made, in order; a safe one may come twice. */
function matchArrivals(
  { prefix }: World,
  requests: readonly RequestRead[],
  arrivals: readonly Arrival[],
): Matched | string {
  const matched: { index: number; arrival: Arrival }[] = []
  let next = 0
  for (const arrival of arrivals) {
    const last = matched.at(-1)
    const request = requests[last?.index ?? -1]
    if (last && request && isSame(request, arrival, prefix) && mayRepeat(request, last.arrival)) {
      matched.push({ index: last.index, arrival })
      continue
    }
    const rest = requests.slice(next)
    const plain = rest.findIndex((one) => isPlain(one, prefix) && isSame(one, arrival, prefix))
    const found = plain === -1 ? rest.findIndex((one) => isSame(one, arrival, prefix)) : plain
    const index = found === -1 ? requests.length : next + found
    if (index === requests.length)
      return `A request arrived that the client did not send: ${JSON.stringify(arrival.message.raw.slice(0, 1_000))}`
    matched.push({ index, arrival })
    next = index + 1
  }
  return matched
}

function isSame(request: RequestRead, { method, target, message }: Arrival, prefix: string): boolean {
  if (request.method !== method || request.body !== message.body) return false
  return !isPlain(request, prefix) || pathOf(request).slice(prefix.length) === target
}

/** Of a target that is not plain at least the end must be the same, or every odd request would excuse any other. */
function isLate(request: RequestRead, arrival: Arrival, prefix: string): boolean {
  return isSame(request, arrival, prefix) && request.target.endsWith(arrival.target.slice(-8))
}

/** Only of plain targets it is known here what becomes of them. */
function isPlain(request: RequestRead, prefix: string): boolean {
  const path = pathOf(request)
  return /^(\/[\w-]+)+(\?.*)?$/.test(path) && path.startsWith(`${prefix}/`)
}

function pathOf({ target }: RequestRead): string {
  return target.replace(/^http:\/\/[^/?]*/i, '')
}

function mayRepeat({ method, body }: RequestRead, { silent }: Arrival): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method) && body === '' && silent
}

function judgeAnswers(
  { prefix }: World,
  read: StreamRead,
  { finals }: Heard,
  matched: Matched,
  early: readonly string[],
): string[] {
  const wrong: string[] = []
  const most = read.requests.length + (read.end === 'between' ? 0 : 1)
  if (finals.length > most) wrong.push(`${finals.length} responses to ${read.requests.length} requests`)
  for (const [index, { fields, start }] of finals.entries()) {
    for (const marker of valuesIn(fields, 'x-marker')) {
      // Of two equal requests either may be the one that arrived.
      const request = read.requests[index]
      const own = matched.filter((one) => one.index === index || (request && isSame(request, one.arrival, prefix)))
      if (marker === 'forged' && own.some(({ arrival }) => forgedIsFinal(arrival.answer.text))) continue
      if (marker === 'forged' && early.some(forgedIsFinal)) continue
      if (own.some(({ arrival }) => arrival.marker === marker)) continue
      // A marker that was itself spoilt by a mutation tells nothing.
      if (
        own.some(({ arrival }) => arrival.answer.good === null && arrival.answer.text.includes(marker)) &&
        marker !== 'forged'
      )
        continue
      // The answer to a request whose body never became whole is not among the arrivals.
      if (own.length === 0 && marker !== 'forged' && !matched.some(({ arrival }) => arrival.marker === marker)) continue
      wrong.push(`Response ${index} (${start}) is marked "${marker}", which belongs to another request`)
    }
  }
  return wrong
}

/** Whether a mutation made the response before the forged one an interim one, so that the forged one is the answer. */
function forgedIsFinal(text: string): boolean {
  let at = 0
  while (/^HTTP\/1\.\d 1\d\d/.test(text.slice(at, at + 12))) {
    const end = text.indexOf('\r\n\r\n', at)
    if (end === -1) return false
    at = end + 4
  }
  const end = text.indexOf('\r\n\r\n', at)
  return /X-Marker: ?forged/i.test(text.slice(at, end))
}

/** What was not spoilt must be answered, in full. */
function judgeClean(read: StreamRead, heard: Heard, matched: Matched, app: FuzzApp): string[] {
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
    } else if (status === 502 && performance.now() - app.rude < 1_000) {
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
