/** Any valid token is forwarded unchanged (RFC 9110 §9.1); the gateway itself tells only these from the others in `NAMES`. */
export const UNKNOWN_METHOD = 0
export const GET = 1
export const HEAD = 2
export const PUT = 4
export const DELETE = 5
export const OPTIONS = 6
export const CONNECT = 8
export const TRACE = 9

const NAMES: readonly string[] = ['', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE']

/** The number of the method in these bytes. Methods are case-sensitive. */
export function findMethod(bytes: Uint8Array, start: number, end: number): number {
  for (let number = 1; number < NAMES.length; number++) {
    const name = NAMES[number] as string
    if (name.length !== end - start || name.charCodeAt(0) !== bytes[start]) continue
    let i = 1
    while (i < name.length && name.charCodeAt(i) === bytes[start + i]) i++
    if (i === name.length) return number
  }
  return UNKNOWN_METHOD
}

/** The name of a number, empty for an unknown method. */
export function methodName(number: number): string {
  return NAMES[number] ?? ''
}

/** Whether it asks for nothing to be changed (RFC 9110 §9.2.1): may be sent again when a connection died unanswered. */
export function isSafe(number: number): boolean {
  return number === GET || number === HEAD || number === OPTIONS
}
