import { createHash, timingSafeEqual } from 'node:crypto'

import type { Caller } from '../../model/admission.ts'

export interface Auth {
  readonly tokens: readonly Token[]
}

export interface Token {
  readonly name: string
  /** Of the token's bytes, hex. */
  readonly sha256: string
  /** The apps it is good for; null for all. */
  readonly apps: readonly string[] | null
}

/** A token ready for comparison. */
export interface Known {
  readonly token: Token
  readonly digest: Buffer
  /** Who shows it. */
  readonly caller: Caller & { readonly kind: 'known' }
}

/** The tokens that are good now. Replaced whole, with what it remembers. */
export class Credentials {
  readonly known: readonly Known[]
  /**
   * Credentials that were found good, as they were sent: hashing costs more than all else that is done to a small
   * request. It holds at most one entry a token, is never shown, and only a whole match finds anything.
   */
  readonly #seen = new Map<string, Known>()
  /** The bytes that were found good last: most that come are the same again. */
  #last: Buffer = Buffer.alloc(0)
  #lastKnown: Known | null = null

  /** Digests that are not 32 bytes of hex can never match and are left out. */
  constructor(auth: Auth) {
    this.known = auth.tokens
      .map((token) => ({
        token,
        digest: Buffer.from(token.sha256, 'hex'),
        caller: { kind: 'known' as const, subject: token.name, apps: token.apps, crossSite: null },
      }))
      .filter(({ digest }) => digest.length === 32)
  }

  find(credential: string): Known | null {
    const seen = this.#seen.get(credential)
    if (seen !== undefined) return seen
    const found = this.#compare(credential)
    if (found) this.#seen.set(credential, found)
    return found
  }

  /** As `find`, of bytes: text is made of them only if they are not the last that were good. */
  findIn(bytes: Buffer, start: number, end: number): Known | null {
    if (this.#lastKnown !== null && isSame(this.#last, bytes, start, end)) return this.#lastKnown
    const found = this.find(bytes.toString('latin1', start, end))
    if (found === null) return null
    this.#last = Buffer.copyBytesFrom(bytes, start, end - start)
    this.#lastKnown = found
    return found
  }

  /** With every token, whichever matches, so that the time taken tells nothing. */
  #compare(credential: string): Known | null {
    // Field values are latin-1: the bytes that were sent are what is digested.
    const digest = createHash('sha256').update(credential, 'latin1').digest()
    let found: Known | null = null
    for (const one of this.known) if (timingSafeEqual(one.digest, digest)) found ??= one
    return found
  }
}

/** To the last byte, wherever the first difference is, so that the time taken tells nothing. */
function isSame(credential: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (credential.length !== end - start) return false
  let difference = 0
  for (let i = 0; i < credential.length; i++) difference |= (credential[i] as number) ^ (bytes[start + i] as number)
  return difference === 0
}
