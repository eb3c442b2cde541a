import { Head, type HeadLimits } from '../http/head.ts'

/** Of what an app answers: as a request's, but for cookies and policies, which can be long. */
const responseLimits: HeadLimits = { target: 0, fields: 256, field: 32_768, head: 65_536 }
/** Heads kept for the next message; each is about 4 KiB, which an idle connection should not hold. */
const maxKept = 256

const requests: Head[] = []
const responses: Head[] = []

export function takeRequestHead(): Head {
  return requests.pop() ?? new Head()
}

export function takeResponseHead(): Head {
  return responses.pop() ?? new Head(responseLimits)
}

/** Whoever gives a head back does not look at it again, and puts the null in its place. */
export function giveHead(head: Head | null): null {
  if (head === null) return null
  const kept = head.limits === responseLimits ? responses : requests
  head.bytes = nothing
  if (kept.length < maxKept) kept.push(head)
  return null
}

const nothing = Buffer.alloc(0)
