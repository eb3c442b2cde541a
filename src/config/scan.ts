/** A token of JavaScript, TypeScript or JSON as far as finding keys needs it; brackets hold what is between them. */
export interface Token {
  readonly kind: 'word' | 'text' | 'mark' | 'group'
  /** The word, the content of a string, the one character of a mark, or the opening bracket of a group. */
  readonly value: string
  readonly offset: number
  readonly children: readonly Token[]
}

interface Group extends Token {
  readonly children: Token[]
}

/**
 * Reads any text into a tree of tokens; comments, regular expressions and templates leave nothing in it. It never
 * fails: an editor saves half-written files, so brackets that do not match are closed as well as can be guessed.
 * Nesting is kept on a list, not on the stack, so that depth costs nothing.
 */
export function scan(text: string): Token {
  const root: Group = { kind: 'group', value: '', offset: 0, children: [] }
  const open: Group[] = [root]
  let at = text.startsWith('\uFEFF') ? 1 : 0
  while (at < text.length) {
    const group = open.at(-1) ?? root
    const char = text.charAt(at)
    if (/\s/.test(char)) at++
    else if (text.startsWith('//', at)) at = skipPast(text, '\n', at)
    else if (text.startsWith('/*', at)) at = skipPast(text, '*/', at + 2)
    else if (char === '"' || char === "'") at = readString(text, at, group)
    else if (char === '`') at = readTemplate(text, at + 1, open)
    else if ('{[('.includes(char)) at = openGroup(char, at, open)
    else if ('}])'.includes(char)) at = closeGroup(text, at, open)
    else if (char === '/' && mayBeRegExp(group)) at = skipRegExp(text, at)
    else at = readWordOrMark(text, at, group)
  }
  return root
}

function readWordOrMark(text: string, at: number, group: Group): number {
  word.lastIndex = at
  const value = word.exec(text)?.[0]
  add(group, value === undefined ? 'mark' : 'word', value ?? text.charAt(at), at)
  return at + (value?.length ?? 1)
}

const word = /[\p{L}\p{N}_$]+/uy

function readString(text: string, start: number, group: Group): number {
  const quote = text.charAt(start)
  let value = ''
  let at = start + 1
  // A line end closes an unclosed string, else one missing quote would swallow the rest of the file.
  while (at < text.length && text[at] !== quote && text[at] !== '\n') {
    if (text[at] === '\\') at++
    value += text.charAt(at++)
  }
  add(group, 'text', value, start)
  return at + 1
}

/** Skips the characters of a template up to its end, or into a `${`, whose code is scanned like any other. */
function readTemplate(text: string, start: number, open: Group[]): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`') return at + 1
    else if (text.startsWith('${', at)) return openGroup('${', at, open) + 1
  }
  return text.length
}

function openGroup(value: string, at: number, open: Group[]): number {
  const group: Group = { kind: 'group', value, offset: at, children: [] }
  open.at(-1)?.children.push(group)
  open.push(group)
  return at + 1
}

function closeGroup(text: string, at: number, open: Group[]): number {
  const closing = text.charAt(at)
  const index = open.findLastIndex((group) => closes[group.value] === closing)
  if (index === -1) return at + 1
  const wasTemplate = open[index]?.value === '${'
  open.length = index
  return wasTemplate ? readTemplate(text, at + 1, open) : at + 1
}

const closes: Readonly<Record<string, string>> = { '{': '}', '[': ']', '(': ')', '${': '}' }

/** A slash begins a regular expression where no value can end: at a start, after an operator, after `return`. */
function mayBeRegExp(group: Group): boolean {
  const before = group.children.at(-1)
  return before === undefined || before.kind === 'mark' || (before.kind === 'word' && before.value === 'return')
}

function skipRegExp(text: string, start: number): number {
  regExp.lastIndex = start
  return start + (regExp.exec(text)?.[0].length ?? 1)
}

const regExp = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y

function skipPast(text: string, end: string, from: number): number {
  const index = text.indexOf(end, from)
  return index === -1 ? text.length : index + end.length
}

function add(group: Group, kind: Token['kind'], value: string, offset: number): void {
  group.children.push({ kind, value, offset, children: [] })
}
