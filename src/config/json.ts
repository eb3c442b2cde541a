export type Json =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly line: number; readonly reason: string }

/**
 * Reads JSON. V8's message quotes the text around the mistake, which may be somebody's password, and often has no
 * position: the place and the reason are found here.
 */
export function parseJson(source: string): Json {
  const text = source.replace(/^\uFEFF/, '')
  try {
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch {
    const { offset, reason } = findMistake(text)
    return { ok: false, line: text.slice(0, offset).split('\n').length, reason }
  }
}

interface Mistake {
  readonly offset: number
  readonly reason: string
}

/** What may come next: a value, a value or `]`, a key, a key or `}`, a colon, a comma or the end of what is open. */
type Wanted = 'value' | 'first item' | 'key' | 'first key' | 'colon' | 'more'

/** Reads token by token with the open brackets on a list, and stops where JSON does. Only called on broken text. */
function findMistake(text: string): Mistake {
  const open: string[] = []
  let wanted: Wanted = 'value'
  let previous = 0
  for (const token of tokens(text)) {
    const next = step(token.text, wanted, open)
    if (next === null) return { offset: token.offset, reason: complain(token.text, wanted, open) }
    wanted = next
    previous = token.offset
  }
  if (text.trim() === '') return { offset: 0, reason: 'is empty' }
  return { offset: previous, reason: `ends too early, ${open.at(-1) === '[' ? 'a ]' : 'a }'} is missing` }
}

function* tokens(text: string): Generator<{ text: string; offset: number }> {
  token.lastIndex = 0
  for (let match = token.exec(text); match && match[0] !== ''; match = token.exec(text)) {
    const [whole, blank = '', rest = ''] = match
    if (rest !== '') yield { text: rest, offset: match.index + blank.length }
    else if (whole === '') return
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what a JSON string cannot have
const token = /([ \t\r\n]*)("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|[{}[\]:,]|[^\s{}[\]:,"]+|[^]?)/y

/** What is wanted after this token, or null when it cannot stand here. */
function step(token: string, wanted: Wanted, open: string[]): Wanted | null {
  const isText = token.length > 1 && token.startsWith('"')
  if (wanted === 'colon') return token === ':' ? 'value' : null
  if (wanted === 'key' || (wanted === 'first key' && token !== '}')) return isText ? 'colon' : null
  if (token === '}' && open.at(-1) === '{' && (wanted === 'more' || wanted === 'first key')) return close(open)
  if (token === ']' && open.at(-1) === '[' && (wanted === 'more' || wanted === 'first item')) return close(open)
  if (wanted === 'more') {
    if (token !== ',' || open.length === 0) return null
    return open.at(-1) === '{' ? 'key' : 'value'
  }
  if (token === '{' || token === '[') {
    open.push(token)
    return token === '{' ? 'first key' : 'first item'
  }
  return isText || /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(token) ? 'more' : null
}

function close(open: string[]): Wanted {
  open.pop()
  return 'more'
}

function complain(token: string, wanted: Wanted, open: readonly string[]): string {
  if (token.startsWith('/')) return 'has a comment, which JSON does not have'
  if (token.startsWith("'")) return 'has single quotes, JSON has only double ones'
  if (token === '"') return 'has a text that is never closed, or with a line break or a wrong backslash in it'
  if ((token === '}' || token === ']') && (wanted === 'key' || wanted === 'value')) {
    return `has nothing between the mark before ${token} and the ${token}, perhaps a comma too many`
  }
  if (wanted === 'more')
    return open.length === 0 ? 'goes on after its end' : 'misses a comma or a closing bracket before this'
  if (wanted === 'colon') return 'misses a colon after a key'
  if (wanted === 'key' || wanted === 'first key') return 'has a key without double quotes'
  return 'has something that is not a value'
}
