import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'

/** RFC 9457, in the form of the main listener's. `detail` is one sentence for a person. */
export function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  const type = `urn:quaymaster:error:${types[status] ?? 'internal'}`
  const instance = randomUUID()
  return new Response(JSON.stringify({ type, title: STATUS_CODES[status], status, detail, instance }), {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      'X-Request-Id': instance,
      ...headers,
    },
  })
}

const types: Readonly<Record<number, string>> = {
  400: 'bad-request',
  401: 'unauthenticated',
  404: 'not-found',
  405: 'method-not-allowed',
  409: 'conflict',
  421: 'misdirected-request',
}
