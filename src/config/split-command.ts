export type Split =
  | { readonly ok: true; readonly words: readonly string[] }
  | { readonly ok: false; readonly reason: string }

/**
 * Splits a command line into words as a POSIX shell does (Shell Command Language §2.2), without expanding anything.
 * What a shell would have expanded or obeyed is refused rather than passed on literally: it never does what it says.
 */
export function splitCommand(line: string): Split {
  const words: string[] = []
  let at = 0
  while (at < line.length) {
    if (isBlank(line[at])) {
      at++
      continue
    }
    const word = readWord(line, at)
    if (!word.ok) return word
    if (words.length === 0 && word.assigns) {
      return refuse('begins with a variable, put it under env, or write')
    }
    words.push(word.text)
    at = word.end
  }
  return words.length === 0 || words[0] === '' ? { ok: false, reason: 'names no program' } : { ok: true, words }
}

type Word =
  | { readonly ok: true; readonly text: string; readonly end: number; readonly assigns: boolean }
  | { readonly ok: false; readonly reason: string }

function readWord(line: string, start: number): Word {
  let text = ''
  let at = start
  while (at < line.length && !isBlank(line[at])) {
    const char = line.charAt(at)
    if (char === "'") {
      const end = line.indexOf("'", at + 1)
      if (end === -1) return { ok: false, reason: "has a quote ' that is never closed" }
      text += line.slice(at + 1, end)
      at = end + 1
    } else if (char === '"') {
      const quoted = readDoubleQuoted(line, at + 1)
      if (!quoted.ok) return quoted
      text += quoted.text
      at = quoted.end
    } else if (char === '\\') {
      if (at + 1 === line.length) return { ok: false, reason: 'ends with a backslash' }
      text += line.charAt(at + 1)
      at += 2
    } else if ('|&;<>()$`*?['.includes(char) || (at === start && '~#'.includes(char))) {
      return refuse(`has '${char}', which only a shell understands, quote it, or write`)
    } else {
      text += char
      at++
    }
  }
  return { ok: true, text, end: at, assigns: /^[A-Za-z_]\w*=/.test(line.slice(start, at)) }
}

function readDoubleQuoted(line: string, start: number): Word {
  let text = ''
  for (let at = start; at < line.length; at++) {
    const char = line.charAt(at)
    if (char === '"') return { ok: true, text, end: at + 1, assigns: false }
    if (char === '$' || char === '`') return refuse(`has '${char}', which only a shell expands, use ' quotes, or write`)
    // §2.2.3: within double quotes a backslash escapes only these.
    if (char === '\\' && '$`"\\'.includes(line.charAt(at + 1)) && at + 1 < line.length) at++
    text += line.charAt(at)
  }
  return { ok: false, reason: 'has a quote " that is never closed' }
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r'
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason: `${reason} ['sh', '-c', '…']` }
}
