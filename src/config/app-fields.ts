import { z } from 'zod'
import { accept, field, isText, issueOf, oneOrMore, readFilePath, refuse, type Read } from './fields.ts'
import { splitCommand } from './split-command.ts'

/** A route: whole segments, no trailing slash, plain characters, so that it can only ever be matched one way. */
export function routePath(): z.ZodType<string> {
  return field(
    "a path such as '/hello' or '/api/app1', of letters, digits and - . _ ~ ! $ & ' ( ) * + , ; = : @",
    readRoutePath,
  )
}

export function readRoutePath(value: unknown): Read<string> {
  if (!isText(value)) return refuse('must be a path')
  if (!value.startsWith('/')) return refuse('must begin with /', `'/${value}'`)
  const path = value.length > 1 && value.endsWith('/') ? value.slice(0, -1) : value
  if (path === '/-' || path.startsWith('/-/')) return refuse('is reserved: /-/ belongs to the gateway')
  if (path === '/') return accept(path)
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') return refuse('has an empty segment (//)')
    if (segment === '.' || segment === '..')
      return refuse('has a dot segment, which is resolved before routes are matched')
    // The characters of RFC 3986 §3.3 pchar, without the percent: an encoded route would have several spellings.
    if (!/^[\w\-.~!$&'()*+,;=:@]+$/.test(segment)) return refuse('has a character that a route cannot have')
  }
  return accept(path)
}

/** Host names in lower case. */
export function hosts(): z.ZodType<string[]> {
  return oneOrMore("a host name such as 'api.example.com', or a list of these", (value) => {
    const host = value.trim().toLowerCase()
    if (/^[a-z]+:\/\//.test(host)) return refuse('must be a host name without scheme', `'${hostOf(host)}'`)
    if (host.includes(':')) return refuse('must be a host name without port', `'${host.replace(/:.*/, '')}'`)
    if (host.includes('*')) return refuse('must be a whole host name, patterns are not supported')
    const isName =
      host.length <= 253 && host.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
    return isName ? accept(host) : refuse('must be a host name')
  })
}

export function command(): z.ZodType<string[]> {
  return field("a command line such as 'python3 server.py {port}', or a list such as ['sh', '-c', '…']", (value) => {
    if (Array.isArray(value)) {
      const words: readonly unknown[] = value
      if (!words.every((word) => typeof word === 'string' && !word.includes('\0')))
        return refuse('must be a list of texts')
      return isText(words[0]) ? accept([...words] as string[]) : refuse('names no program')
    }
    if (!isText(value)) return refuse('must be a text or a list of texts')
    const split = splitCommand(value)
    return split.ok ? accept([...split.words]) : refuse(split.reason)
  })
}

export function envFiles(): z.ZodType<string[]> {
  return oneOrMore('a path or a list of paths, relative to the folder of this file', readFilePath)
}

/** Variables; numbers and truth values become texts. Every wrong one is a finding, and no value is ever shown. */
export function variables(): z.ZodType<Record<string, string>> {
  return z.unknown().transform((input, { issues }) => {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      issues.push(issueOf(input, 'must be an object of variables', variableDetails))
      return z.NEVER
    }
    const read: [string, string][] = []
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) continue
      const fault = faultOfVariable(name, value)
      if (fault === null) read.push([name, String(value)])
      else issues.push(issueOf(value, fault, variableDetails, [name]))
    }
    return Object.fromEntries(read)
  })
}

const variableDetails = {
  allowed: "texts, numbers, true and false, as in { GREETING: 'hi' }",
  suggestion: null,
  showValue: true,
}

function faultOfVariable(name: string, value: unknown): string | null {
  if (name === '' || /[=\0]/.test(name)) return 'cannot be the name of a variable'
  if (!['string', 'number', 'boolean'].includes(typeof value)) return 'must be a text, a number, true or false'
  return String(value).includes('\0') ? 'has a NUL byte, which ends a variable' : null
}

export function umask(): z.ZodType<number> {
  return field("an octal text such as '027', or a number such as 0o027", (value) => {
    const mask =
      typeof value === 'string' && /^(0o?)?[0-7]{1,3}$/.test(value) ? parseInt(value.replace('o', ''), 8) : value
    const isMask = typeof mask === 'number' && Number.isInteger(mask) && mask >= 0 && mask <= 0o777
    return isMask ? accept(mask) : refuse('must be a file mode mask')
  })
}

/** A part of the whole: more than nothing, at most all. */
export function share(): z.ZodType<number> {
  return field('a number above 0 and at most 1, such as 0.1', (value) => {
    return typeof value === 'number' && value > 0 && value <= 1 ? accept(value) : refuse('must be a share')
  })
}

/** Statuses that count as healthy, inclusive pairs. */
export function statuses(): z.ZodType<[number, number][]> {
  return field("200, '2xx', '200-399', or a list of these", (value) => {
    const parts: readonly unknown[] = Array.isArray(value)
      ? value
      : typeof value === 'string'
        ? value.split(',')
        : [value]
    const ranges = parts.map(statusRange)
    const complete = ranges.filter((range) => range !== null)
    return complete.length === ranges.length && ranges.length > 0
      ? accept(complete)
      : refuse('must be statuses from 100 to 599')
  })
}

function statusRange(value: unknown): [number, number] | null {
  const shown = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim().toLowerCase() : ''
  const parts = /^([1-5])xx$|^([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?$/.exec(shown)
  if (!parts) return null
  const [, hundred, low, high] = parts
  if (hundred !== undefined) return [Number(hundred) * 100, Number(hundred) * 100 + 99]
  const range: [number, number] = [Number(low), Number(high ?? low)]
  return range[0] <= range[1] ? range : null
}

export function remote(): z.ZodType<string> {
  return field("a URL such as 'https://docs.example.com'", (value) => {
    const url = typeof value === 'string' ? URL.parse(value) : null
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return refuse('must be an http or https URL')
    if (url.username !== '' || url.password !== '') return refuse('must be a URL without user and password')
    return url.search === '' && url.hash === '' ? accept(url.href) : refuse('must be a URL without query and fragment')
  })
}

/** What a health probe asks for: an origin-form target. */
export function probePath(): z.ZodType<string> {
  return field("a path such as '/healthz'", (value) => {
    // Visible ASCII: whatever else would be a malformed request line.
    return typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value) ? accept(value) : refuse('must be a path')
  })
}

function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? 'example.com'
}
