import type { FieldPair } from '../../test/conformance/strict.ts'
import type { Arrival } from './app.ts'
import type { RequestRead } from './reference.ts'
import { readTarget } from './target.ts'

export interface Matches {
  /** Arrivals that answer to a request of this connection, with its place; in order. */
  readonly own: readonly { readonly index: number; readonly arrival: Arrival }[]
  /** Requests that may still arrive: those of before and of this connection that did not, or may come again. */
  readonly open: readonly RequestRead[]
}

/**
 * Finds for every arrival the request that it is: one of this connection, in order, or an earlier one that had not
 * arrived, since a client that resets its connection does not wait for what it sent. A safe one may come twice.
 * Resolves ambiguity in the gateway's favour. An arrival that is no request of the client is returned as it is.
 */
export function matchArrivals(
  prefix: string,
  requests: readonly RequestRead[],
  earlier: readonly RequestRead[],
  arrivals: readonly Arrival[],
): Matches | Arrival {
  let furthest = 0
  const own: { index: number; arrival: Arrival }[] = []
  const late = new Map<RequestRead, Arrival>()
  const place = (at: number): boolean => {
    const arrival = arrivals[at]
    if (!arrival) return true
    furthest = Math.max(furthest, at)
    const last = own.at(-1)
    const same = requests.map((one) => isSame(one, arrival, prefix))
    const from = last === undefined ? 0 : mayRepeat(last.arrival) ? last.index : last.index + 1
    for (let index = from; index < requests.length; index += 1) {
      if (same[index] !== true) continue
      own.push({ index, arrival })
      if (place(at + 1)) return true
      own.pop()
    }
    const request = earlier.find((one) => !isUsed(late.get(one)) && isSame(one, arrival, prefix))
    if (!request) return false
    const before = late.get(request)
    late.set(request, arrival)
    if (place(at + 1)) return true
    if (before) late.set(request, before)
    else late.delete(request)
    return false
  }
  if (!place(0)) return arrivals[furthest] as Arrival
  const seen = new Map(late)
  for (const { index, arrival } of own) seen.set(requests[index] as RequestRead, arrival)
  return { own, open: [...earlier, ...requests].filter((one) => !isUsed(seen.get(one))) }
}

export function isSame(request: RequestRead, { method, target, message }: Arrival, prefix: string): boolean {
  if (request.method !== method || request.body !== message.body) return false
  if (readTarget(request.target, prefix) !== target) return false
  const sent = new Set(request.fields.map(line))
  return message.fields.every((field) => rewritten.test(field[0]) || sent.has(line(field)))
}

/** Fields a gateway may write itself or of which it may take parts away; any other must have been sent as it arrives. */
const rewritten =
  /^(host|via|connection|te|trailer|upgrade|content-length|transfer-encoding|cookie|expect|max-forwards|x-request-id|x-auth-subject|x-forwarded-(for|proto|host|port|prefix)|traceparent)$/i

function line([name, value]: FieldPair): string {
  return `${name.toLowerCase()}:${value}`
}

function isUsed(arrival: Arrival | undefined): boolean {
  return arrival !== undefined && !mayRepeat(arrival)
}

function mayRepeat({ method, message, silent }: Arrival): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method) && message.body === '' && silent
}
