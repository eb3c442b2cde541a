import type { Authority } from '../http/authority.ts'
import type { Reply } from '../http/replies.ts'
import type { Framing } from '../http/rewrite.ts'
import { type ErrorCode, errors } from '../lib/errors.ts'
import type { Refusal } from '../model/admission.ts'
import type { Story } from './door.ts'

/** What came out of a phase: an answer of ours, or that the client has been served. */
export type Verdict = Reply | Refusal | 'served'

/** What a well-formed head asks for. */
export interface Head {
  readonly own: Authority
  readonly path: string
  readonly query: string
  readonly framing: Exclude<Framing, { kind: 'invalid' }>
  readonly upgrade: readonly string[]
}

export const allowed = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

export function refusal(code: ErrorCode, detail: string, retryAfter: number | null = null): Refusal {
  return { kind: 'refuse', code, detail, route: null, retryAfter }
}

export function note(story: Story, code: ErrorCode, detail: string): void {
  story.error = { code, source: errors[code].source, detail }
}
