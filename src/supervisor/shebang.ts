/** The first line of a script, taken apart as the kernel does it (execve(2), "Interpreter scripts"). */
export type Shebang =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'found'
      readonly interpreter: string
      /** What `env` is asked to find, or null when the interpreter is named directly. */
      readonly command: string | null
    }
  | { readonly kind: 'broken'; readonly reason: 'crlf' | 'bom' | 'empty' | 'endless' }

/** `head` is the beginning of the file; the kernel looks at 256 bytes of it (BINPRM_BUF_SIZE since Linux 5.1). */
export function readShebang(head: Buffer): Shebang {
  if (head.length >= 5 && head.readUIntBE(0, 3) === 0xefbbbf && head.toString('latin1', 3, 5) === '#!') {
    return { kind: 'broken', reason: 'bom' }
  }
  if (head.toString('latin1', 0, 2) !== '#!') return { kind: 'none' }
  const end = head.indexOf(0x0a)
  const line = head.toString('utf8', 2, end === -1 ? head.length : end)
  if (Buffer.byteLength(line) > longestLine) return { kind: 'broken', reason: 'endless' }
  if (line.endsWith('\r')) return { kind: 'broken', reason: 'crlf' }
  const [interpreter = '', ...rest] = line.trim().split(/[ \t]+/)
  if (interpreter === '') return { kind: 'broken', reason: 'empty' }
  return { kind: 'found', interpreter, command: /(^|\/)env$/.test(interpreter) ? envCommand(rest) : null }
}

const longestLine = 253

/** The first word that is neither an option of `env` nor an assignment. */
function envCommand(words: readonly string[]): string | null {
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '-u' || word === '-C') index++
    else if (word.startsWith('-S') && word.length > 2) return word.slice(2)
    else if (!word.startsWith('-') && !word.includes('=')) return word
  }
  return null
}
