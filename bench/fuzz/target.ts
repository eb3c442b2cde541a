/**
 * What an app behind `prefix` must see of a request target: RFC 3986 §5.2.4 to the letter, dots also spelt `%2e`, one
 * slash at the front, the query untouched. Null when the target does not lead to the app. It shares no code with the
 * gateway and refuses less.
 */
export function readTarget(target: string, prefix: string): string | null {
  const local = target.replace(/^http:\/\/[^/?]*/i, '')
  const mark = local.includes('?') ? local.indexOf('?') : local.length
  const whole = oneSlash(removeDotSegments(oneSlash(local.slice(0, mark), local !== target)))
  if (whole !== prefix && !whole.startsWith(`${prefix}/`)) return null
  return oneSlash(whole.slice(prefix.length), true) + local.slice(mark)
}

/** Several slashes at the front become one; `force`: none does too. */
function oneSlash(path: string, force = false): string {
  return path.startsWith('/') || force ? path.replace(/^\/*/, '/') : path
}

function removeDotSegments(path: string): string {
  let input = path
  let output = ''
  while (input !== '') {
    const [, dots] = /^\/((?:\.|%2e){1,2})(?=\/|$)/i.exec(input) ?? []
    if (dots !== undefined) {
      input = input.slice(1 + dots.length)
      if (input === '') input = '/'
      if (dots.replace(/%2e/gi, '.') === '..') output = output.replace(/\/?[^/]*$/, '')
    } else {
      const end = input.indexOf('/', 1)
      output += end === -1 ? input : input.slice(0, end)
      input = end === -1 ? '' : input.slice(end)
    }
  }
  return output
}
