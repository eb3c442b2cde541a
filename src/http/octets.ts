export const HTAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SP = 0x20
export const COMMA = 0x2c
export const SLASH = 0x2f
export const COLON = 0x3a
export const SEMICOLON = 0x3b

/** May stand in a token: a method, a field name, a coding (RFC 9110 §5.6.2). */
export const TCHAR = 1
/** May stand in a field value: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5). */
export const VALUE = 2
/**
 * May stand in a request target. Wider than RFC 3986, which leaves out `"<>\^`{|}`: browsers and curl send those raw,
 * and as ordinary bytes they can be matched and forwarded unchanged. `#`, SP, controls and 8-bit bytes are not.
 */
export const TARGET = 4
/** Legal in a field name, but neither a letter, a digit nor `-`: the stuff aliases are made of (`X_Forwarded_For`). */
export const ODD = 8
/** May stand in the host part of an authority: narrower than RFC 3986, wide enough for every name in use. */
export const HOST = 16
export const DIGIT = 32

/** The classes of each byte. */
export const CLASS: Uint8Array = classify()

/** The value of each hexadecimal digit, 255 for every other byte. */
export const HEX: Uint8Array = hexValues()

/** Whether the bytes spell `lower`, a lower-case ASCII string, in any case. */
export function spells(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const byte = bytes[start + i] as number
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (folded !== lower.charCodeAt(i)) return false
  }
  return true
}

/** The first position from `start` that is neither SP nor HTAB. */
export function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++
  return at
}

/** One past the last position before `end` that is neither SP nor HTAB. */
export function trimSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && (bytes[at - 1] === SP || bytes[at - 1] === HTAB)) at--
  return at
}

function classify(): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte)
    let bits = 0
    if (/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character)) bits |= TCHAR
    if (/[!#$%&'*+.^_`|~]/.test(character)) bits |= ODD
    if (byte === HTAB || (byte >= 0x20 && byte !== 0x7f)) bits |= VALUE
    if (byte > 0x20 && byte < 0x7f && character !== '#') bits |= TARGET
    if (/[0-9A-Za-z._-]/.test(character)) bits |= HOST
    if (/[0-9]/.test(character)) bits |= DIGIT
    table[byte] = bits
  }
  return table
}

function hexValues(): Uint8Array {
  const table = new Uint8Array(256).fill(255)
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16)
    table[digit.charCodeAt(0)] = value
    table[digit.toUpperCase().charCodeAt(0)] = value
  }
  return table
}
