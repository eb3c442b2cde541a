import { z } from 'zod'
import { DURATION_FORM, parseDuration } from '../lib/duration.ts'
import { parseSize, SIZE_FORM } from '../lib/size.ts'
import type { IssueDetails } from './finding.ts'
import { suggest } from './suggest.ts'

/** What became of one value: what the inside will see, or why not: "must be true or false". */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string | null }

/**
 * A value that is read by a function of ours. So every message is a sentence of ours, and a text-or-number field gives
 * one finding instead of a union's two.
 */
export function field<T>(allowed: string | null, read: (value: unknown) => Read<T>): z.ZodType<T> {
  return z.unknown().transform((input, { issues }) => {
    const result = read(input)
    if (result.ok) return result.value
    issues.push(issueOf(input, result.message, { allowed, suggestion: result.suggestion ?? null, showValue: true }))
    return z.NEVER
  })
}

/** An object of known keys; every unknown one is a finding at its own path. `elsewhere`: where else a key may belong. */
export function keys<S extends z.ZodRawShape>(
  shape: S,
  elsewhere: Readonly<Record<string, string>> = {},
): z.ZodType<z.output<z.ZodObject<S>>> {
  const names = Object.keys(shape)
  const meantBy = (key: string): string | null => {
    return Object.hasOwn(elsewhere, key) ? (elsewhere[key] ?? null) : suggest(key, names)
  }
  const details = { allowed: names.join(', '), suggestion: null, showValue: false, meantBy }
  const stranger = z.unknown().transform((input, { issues }) => {
    issues.push(issueOf(input, 'is not a known setting', details))
    return z.NEVER
  })
  return z.object(shape).catchall(stranger)
}

/** `false` for none of it, or what `schema` reads. */
export function orFalse<T>(schema: z.ZodType<T>): z.ZodType<false | T> {
  return z.unknown().transform((input, { issues }) => {
    if (input === false) return false
    if (typeof input !== 'object' || input === null) {
      issues.push(issueOf(input, 'must be false or an object', { allowed: null, suggestion: null, showValue: true }))
      return z.NEVER
    }
    const read = schema.safeParse(input, { reportInput: true })
    if (read.success) return read.data
    issues.push(...read.error.issues.map((issue) => ({ ...issue }) as z.core.$ZodRawIssue))
    return z.NEVER
  })
}

export function accept<T>(value: T): Read<T> {
  return { ok: true, value }
}

export function refuse(message: string, suggestion: string | null = null): Read<never> {
  return { ok: false, message, suggestion }
}

export function flag(): z.ZodType<boolean> {
  return field(null, (value) => (typeof value === 'boolean' ? accept(value) : refuse('must be true or false')))
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  return field(null, (value) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return accept(value)
    return refuse(`must be a whole number ${range}`)
  })
}

export function oneOf<const T extends string>(...allowed: readonly T[]): z.ZodType<T> {
  return field(allowed.map((it) => `'${it}'`).join(', '), (value) => {
    const found = allowed.find((it) => it === value)
    if (found !== undefined) return accept(found)
    return refuse('must be one of the allowed words', typeof value === 'string' ? quote(suggest(value, allowed)) : null)
  })
}

/** Milliseconds. */
export function duration(min = 0): z.ZodType<number> {
  return field(DURATION_FORM, (value) => {
    const parsed = parseDuration(value)
    if (!parsed.ok) return refuse(`must be a duration but ${parsed.reason}`)
    return parsed.value < min ? refuse(`must be at least ${min}ms`) : accept(parsed.value)
  })
}

/** Milliseconds, or `false`. */
export function durationOrNever(): z.ZodType<number | false> {
  return field<number | false>(`${DURATION_FORM}, or false`, (value) => {
    if (value === false) return accept(value)
    const parsed = parseDuration(value)
    return parsed.ok ? accept(parsed.value) : refuse(`must be a duration or false but ${parsed.reason}`)
  })
}

/** Bytes. */
export function size(most: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  return field(SIZE_FORM, (value) => {
    const parsed = parseSize(value)
    if (!parsed.ok) return refuse(`must be a size but ${parsed.reason}`)
    return parsed.value <= most ? accept(parsed.value) : refuse(`must be at most ${most} bytes`)
  })
}

/** A list of texts, each reported by itself. */
export function texts(): z.ZodType<string[]> {
  return z.array(
    field(null, (value) => {
      return typeof value === 'string' && !value.includes('\0') ? accept(value) : refuse('must be a text')
    }),
  )
}

/** One of something or several of it, as a list. */
export function oneOrMore(allowed: string, read: (value: string) => Read<string>): z.ZodType<string[]> {
  return field(allowed, (value) => {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    const found: string[] = []
    for (const each of values) {
      const result = isText(each) ? read(each) : refuse('must be a text or a list of texts')
      if (!result.ok) return result
      found.push(result.value)
    }
    return accept(found)
  })
}

/** A path of the file system, still relative to whatever it is relative to. */
export function filePath(): z.ZodType<string> {
  return field('an absolute path, or one relative to the folder of this file', readFilePath)
}

export function readFilePath(value: unknown): Read<string> {
  if (!isText(value)) return refuse('must be a path')
  // A shell expands ~, we would make a folder of that name.
  return /^~(\/|$)/.test(value) ? refuse('begins with ~, which only a shell understands') : accept(value)
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && !value.includes('\0')
}

export function issueOf(
  input: unknown,
  message: string,
  details: IssueDetails,
  path: string[] = [],
): z.core.$ZodRawIssue {
  return { code: 'custom', input, message, path, params: { ...details } }
}

function quote(word: string | null): string | null {
  return word === null ? null : `'${word}'`
}
