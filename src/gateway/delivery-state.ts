import type { Failure } from './relay.ts'

/** How far one try of a request has come, in order. */
export const joining = 0
export const sending = 1
export const awaiting = 2
export const answering = 3
export const tunnelling = 4
export const leaving = 5
export const over = 6

/**
 * What comes of a try that failed in this phase. `isRecalled`: the client has not heard of the answer that was spoilt.
 * A connection that ends before a byte was written is told as `unreachable` and was there all the same.
 */
export function failureIn(phase: number, isRecalled: boolean, why: Omit<Failure, 'kind' | 'reached'>): Failure {
  if (phase === joining) return { ...why, kind: 'failed', reached: 'nothing' }
  if (why.code === 'unreachable') return { ...why, kind: 'failed', code: 'connection-lost', reached: 'nothing' }
  const code = isRecalled && why.code === 'truncated-response' ? 'bad-response' : why.code
  const reached = phase >= answering ? 'answering' : 'sent'
  return { ...why, kind: 'failed', code, reached }
}
