import type { Key } from './finding.ts'
import { scan, type Token } from './scan.ts'

/**
 * Finds the line, counted from 1, in which a configuration says something: `['apps', 'hello', 'instances']`. Follows
 * `defineConfig(…)`, constants of the same file, shorthand and spread. Where the text says less than the path (a value
 * made by code, a missing field) it is the line of the nearest thing it does say; null when it says nothing of it.
 */
export function locate(text: string, path: readonly Key[]): number | null {
  const file = scan(text)
  const found = find(file, path)
  return found === null ? null : text.slice(0, found.offset).split('\n').length
}

/** How much of the path was found, and where its last found part begins. */
interface Found {
  readonly depth: number
  readonly offset: number
}

function find(file: Token, path: readonly Key[]): Found | null {
  const known: Names = { file, follows: 0 }
  const root = exported(file, known)
  const fromRoot = root && walk(root, path, 0, known)
  if (fromRoot) return fromRoot
  // An exported expression too clever for us: the object that knows most of the path is the best guess.
  let best: Found | null = null
  for (const group of groupsOf(file)) {
    const found = isGroup(group, '{') ? walk(group, path, 0, known) : null
    if (found && found.depth > (best?.depth ?? 0)) best = found
  }
  return best
}

interface Names {
  readonly file: Token
  /** How many names were followed: `const a = b, b = a` must end. */
  follows: number
}

function walk(group: Token, path: readonly Key[], depth: number, names: Names): Found | null {
  const key = path[depth]
  if (key === undefined) return null
  let best: Found | null = null
  // Backwards, because in an object the last of equal keys wins.
  for (const entry of entriesOf(group).toReversed()) {
    if (entry.spread) {
      const spread = valueOf(entry.value, names)
      const found = spread && walk(spread, path, depth, names)
      if (found && found.depth > (best?.depth ?? depth)) best = found
    } else if (entry.key === key) {
      const inner = valueOf(entry.value, names)
      const found = (inner && walk(inner, path, depth + 1, names)) ?? { depth: depth + 1, offset: entry.offset }
      if (found.depth > (best?.depth ?? depth)) best = found
    }
  }
  return best
}

interface Entry {
  readonly key: Key | null
  readonly spread: boolean
  readonly offset: number
  readonly value: readonly Token[]
}

function entriesOf(group: Token): Entry[] {
  const parts = splitAtCommas(group.children)
  if (isGroup(group, '[')) {
    return parts.map((value, key) => ({ key, spread: false, offset: value[0]?.offset ?? group.offset, value }))
  }
  return parts.map((part): Entry => {
    const [first, second] = part
    const offset = first?.offset ?? group.offset
    if (isMark(first, '.')) return { key: null, spread: true, offset, value: part.slice(3) }
    return { key: nameOf(first), spread: false, offset, value: isMark(second, ':') ? part.slice(2) : part.slice(0, 1) }
  })
}

/** `name`, `'name'` or `['name']`. */
function nameOf(token: Token | undefined): string | null {
  if (token?.kind === 'word' || token?.kind === 'text') return token.value
  const only = isGroup(token, '[') && token.children.length === 1 ? token.children[0] : undefined
  return only?.kind === 'text' ? only.value : null
}

/** The braces or brackets an expression comes down to: itself, an argument of a call, or what a constant holds. */
function valueOf(expression: readonly Token[], names: Names): Token | null {
  const first = expression[0]
  if (first === undefined || names.follows++ > 1_000) return null
  if (isGroup(first, '{') || isGroup(first, '[')) return first
  if (isGroup(first, '(')) return valueOf(first.children, names)
  if (first.kind !== 'word') return null
  if (first.value === 'await') return valueOf(expression.slice(1), names)
  const call = expression.find((token) => token.kind !== 'word' && !isMark(token, '.'))
  if (isGroup(call, '(')) return valueOf(call.children, names)
  return isMark(expression[1], '.') ? null : constant(first.value, names)
}

function constant(name: string, names: Names): Token | null {
  for (const group of groupsOf(names.file)) {
    const index = group.children.findIndex((token, i) => {
      return (
        token.kind === 'word' && token.value === name && /^(?:const|let|var)$/.test(group.children[i - 1]?.value ?? '')
      )
    })
    if (index === -1) continue
    const equals = group.children.findIndex((token, i) => i > index && isMark(token, '='))
    return equals === -1 ? null : valueOf(group.children.slice(equals + 1), names)
  }
  return null
}

/** What `export default`, `module.exports =` or a JSON file gives. */
function exported(file: Token, names: Names): Token | null {
  const tokens = file.children
  if (isGroup(tokens[0], '{')) return tokens[0]
  const at = tokens.findIndex(({ value }, i) => {
    const next = tokens[i + 1]?.value
    return (
      (value === 'export' && next === 'default') ||
      (value === 'module' && next === '.' && tokens[i + 2]?.value === 'exports')
    )
  })
  if (at === -1) return null
  const rest = tokens.slice(at + 2)
  return valueOf(isMark(rest[1], '=') ? rest.slice(2) : rest, names)
}

function splitAtCommas(tokens: readonly Token[]): (readonly Token[])[] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (isMark(token, ',')) parts.push([])
    else parts.at(-1)?.push(token)
  }
  return parts
}

/** Every group of a file in the order of the text, the file itself first. */
function groupsOf(file: Token): Token[] {
  const found: Token[] = []
  const open = [file]
  for (let group = open.pop(); group; group = open.pop()) {
    found.push(group)
    open.push(...group.children.filter((token) => token.kind === 'group').toReversed())
  }
  return found
}

function isMark(token: Token | undefined, value: string): boolean {
  return token?.kind === 'mark' && token.value === value
}

function isGroup(token: Token | undefined, value: '{' | '[' | '('): token is Token & { readonly kind: 'group' } {
  return token?.kind === 'group' && token.value === value
}
