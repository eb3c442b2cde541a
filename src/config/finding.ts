import type { z } from 'zod'

export type Key = string | number

/** Something wrong in a configuration, before it is known in which line. Reads as "<path> <message>". */
export interface Finding {
  readonly path: readonly Key[]
  readonly message: string
  readonly received: string | null
  readonly allowed: string | null
  readonly suggestion: string | null
}

export function finding(path: readonly Key[], message: string, more: Partial<Finding> = {}): Finding {
  return { path, message, received: null, allowed: null, suggestion: null, ...more }
}

/** What our fields attach to their issues, see `field` and `keys` in fields.ts. */
export interface IssueDetails {
  readonly allowed: string | null
  readonly suggestion: string | null
  /** False where the value says nothing about the mistake. */
  readonly showValue: boolean
  /** Set for an unknown key: what may have been meant by it. */
  readonly meantBy?: (key: string) => string | null
}

/** Translates what zod found. The parse must have been asked with `reportInput: true`. */
export function fromIssue(issue: z.core.$ZodIssue): Finding {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))
  const received = show(issue.input, isSecret(path))
  if (issue.code === 'custom') {
    const { allowed, suggestion, showValue, meantBy } = issue.params as unknown as IssueDetails
    const meant = meantBy?.(String(path.at(-1))) ?? suggestion
    return { path, message: issue.message, received: showValue ? received : null, allowed, suggestion: meant }
  }
  const kind = issue.code === 'invalid_type' && issue.expected === 'array' ? 'a list' : 'an object'
  return finding(path, `must be ${kind}`, { received })
}

/** A value for a message: short, on one line, and nothing of it when it is secret. */
export function show(value: unknown, secret = false): string {
  switch (typeof value) {
    case 'string':
      return secret ? `a text of ${value.length} characters` : JSON.stringify(clip(withoutUserinfo(value)))
    case 'number':
    case 'boolean':
    case 'bigint':
      return secret ? `a ${typeof value}` : String(value)
    case 'undefined':
      return 'nothing'
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? `a list of ${value.length}` : 'an object'
  }
}

/** Values of variables and digests of tokens never appear in a message: messages end up in logs and screenshots. */
function isSecret(path: readonly Key[]): boolean {
  return path.at(-1) === 'sha256' || path.includes('env')
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** A password in a URL is a secret wherever it stands. */
function withoutUserinfo(text: string): string {
  return text.replace(/([a-z]+:\/\/)[^/?#\s]*@/gi, '$1…@')
}
