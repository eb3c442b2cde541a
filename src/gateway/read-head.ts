import { parseAuthority } from '../http/authority.ts'
import type { Reply } from '../http/replies.ts'
import { requestFraming, valuesOf } from '../http/rewrite.ts'
import { parseTarget } from '../http/target.ts'
import type { Refusal } from '../model/admission.ts'
import type { HttpClient } from './client.ts'
import { offeredProtocols } from './connection.ts'
import { allowed, type Head, refusal } from './verdict.ts'

/** Each field is a line; node:http itself gives up at about this many. */
const maxFields = 1_000

/** Reads what a request asks for, strictly; nothing is repaired. */
export function readHead(client: HttpClient): Head | Reply | Refusal {
  const { fields, method, version, body } = client
  if (body.httpVersion !== '1.1' && body.httpVersion !== '1.0')
    return refusal('version-not-supported', 'Only HTTP/1.1 and HTTP/1.0 are spoken here.')
  if (fields.length > maxFields) return refusal('head-too-large', `More than ${maxFields} fields are not accepted.`)

  const hosts = valuesOf(fields, 'host')
  if (hosts.length > 1) return refusal('bad-host', 'The field "Host" is given more than once.')
  if (hosts.length === 0 && version === '1.1') return refusal('bad-host', 'The field "Host" is missing.')
  const given = hosts.length === 0 ? null : parseAuthority(hosts[0] ?? '')
  if (hosts.length > 0 && !given) return refusal('bad-host', 'The field "Host" is not a host with an optional port.')

  const framing = requestFraming(fields, version)
  if (framing.kind === 'invalid')
    return refusal('bad-framing', `The length of the body is not clear: ${framing.reason}.`)

  const target = parseTarget(client.target)
  if (target.kind === 'invalid') return refusal('bad-target', `The request target is refused: ${target.reason}.`)
  if (method === 'TRACE' || method === 'CONNECT') return refusal('method-not-allowed', `${method} is not supported.`)
  if (target.kind === 'asterisk') {
    if (method !== 'OPTIONS') return refusal('bad-target', 'The target "*" is only for OPTIONS.')
    return { status: 204, fields: [['Allow', allowed]], body: '' }
  }
  // RFC 9112 §3.2.2: the authority of an absolute-form target replaces Host.
  const own = target.authority === null ? given : parseAuthority(target.authority)
  if (target.authority !== null && !own) return refusal('bad-target', 'The authority in the request target is invalid.')
  const expectation = valuesOf(fields, 'expect')
  if (version === '1.1' && expectation.some((value) => value.toLowerCase() !== '100-continue'))
    return refusal('expectation-failed', 'Only the expectation "100-continue" is supported.')
  const nobody = { name: '', port: null, text: '' }
  return { own: own ?? nobody, path: target.path, query: target.query, framing, upgrade: offeredProtocols(body) }
}
