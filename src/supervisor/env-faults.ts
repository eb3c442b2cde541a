/**
 * What Node's parser of env files passes over without a word, a phrase each with its line, in order. Never a name or a
 * value: a line that is broken may well be half of a secret. Walks the text as `parseEnv` does, quotes and all.
 */
export function findFaults(text: string): readonly string[] {
  const faults: string[] = []
  let at = 0
  let line = 1
  const skipTo = (next: number): void => {
    for (let i = text.indexOf('\n', at); i >= 0 && i < next; i = text.indexOf('\n', i + 1)) line += 1
    at = next
  }
  while (at < text.length) {
    const end = endOfLine(text, at)
    const whole = text.slice(at, end).trim()
    const equals = text.indexOf('=', at)
    if (whole !== '' && !whole.startsWith('#')) {
      const hasEquals = equals >= 0 && equals < end
      const name = hasEquals ? text.slice(at, equals).trim() : ''
      const quoted = hasEquals ? readQuoted(text, equals + 1, end) : null
      if (!hasEquals) faults.push(`line ${line} has no =`)
      else if (name === '' || name === 'export') faults.push(`line ${line} has no name before =`)
      else if (/\s/.test(name.replace(/^export\s+/, ''))) faults.push(`line ${line} has a space in its name`)
      // Node skips blanks after the =, line ends among them (measured on Node 26).
      else if (/^[ \t]+$/.test(text.slice(equals + 1, end)) && text.slice(end).trim() !== '') {
        faults.push(`line ${line} has a space after = and no value, so it takes the next line for its value`)
      } else if (quoted?.closing === null) faults.push(`line ${line} has a quote that is not closed`)
      if (quoted !== null && quoted.closing !== null) {
        const began = line
        const last = endOfLine(text, quoted.closing)
        const rest = text.slice(quoted.closing + 1, last).trim()
        // Two values with a quote too few between them: all from the first to the second has become one value.
        if (rest !== '' && !rest.startsWith('#')) {
          faults.push(`the quote of line ${began} is closed where more text follows, which is not used`)
        }
        skipTo(quoted.closing)
      }
    }
    skipTo(Math.min(text.length, endOfLine(text, at) + 1))
  }
  return faults
}

/** Where the quote closes that a value begins with; null without a quote. It may close lines later. */
function readQuoted(text: string, from: number, end: number): { readonly closing: number | null } | null {
  const start = from + text.slice(from, end).search(/\S|$/)
  const mark = text.charAt(start)
  if (start >= end || !['"', "'", '`'].includes(mark)) return null
  const closing = text.indexOf(mark, start + 1)
  return { closing: closing < 0 ? null : closing }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}
