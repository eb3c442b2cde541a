import path from 'node:path'
import { printable } from './names.ts'

/** A path as the operator would type it: relative to the working folder when it is inside. */
export function shown(file: string): string {
  return printable(nearest(file))
}

/** The same, quoted for a shell where it has to be: part of a command that a message tells to run. */
export function typed(file: string): string {
  const plain = nearest(file)
  // A leading dash would be an option.
  const safe = plain.startsWith('-') ? `./${plain}` : plain
  if (/^[\w@%+=:,./-]+$/.test(safe)) return safe
  const visible = printable(safe)
  // What had to be made visible is taken back only by the shell's $'…'.
  if (visible !== safe) return `$'${printable(safe.replace(/[\\']/g, '\\$&'))}'`
  return `'${safe.replaceAll("'", `'\\''`)}'`
}

function nearest(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative === '' || relative.startsWith(`..${path.sep}`) || relative === '..' ? file : relative
}
