/** What is told of it, in characters. */
const longest = 300

/**
 * Why a program of Node ended, in a line, by what it wrote on stderr: where, if it begins with that, and the error. What
 * stands between them are lines of code, and those may be somebody's secrets. Null when it wrote nothing.
 */
export function reasonIn(stderr: string): string | null {
  const lines = stderr.split('\n').map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
  const first = lines.find((line) => line !== '')
  if (first === undefined) return null
  const error = lines.find((line) => /^([A-Z]\w*)?Error( \[\w+\])?: /.test(line))
  const isPlace = /:\d+$/.test(first)
  const said = !isPlace || error === undefined ? first : first.startsWith('node:') ? error : `${first}: ${error}`
  return said.length <= longest ? said : `${said.slice(0, longest - 1)}…`
}
