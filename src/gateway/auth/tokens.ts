import { createHash, timingSafeEqual } from 'node:crypto'

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
}

/** Digests that are not 32 bytes of hex can never match and are left out. */
export function knownTokens(auth: Auth): readonly Known[] {
  return auth.tokens
    .map((token) => ({ token, digest: Buffer.from(token.sha256, 'hex') }))
    .filter(({ digest }) => digest.length === 32)
}

/** Compares with every token, whichever matches, so that the time taken tells nothing. */
export function findToken(known: readonly Known[], credential: string): Known | null {
  // Field values are latin-1: the bytes that were sent are what is digested.
  const digest = createHash('sha256').update(credential, 'latin1').digest()
  let found: Known | null = null
  for (const one of known) if (timingSafeEqual(one.digest, digest)) found ??= one
  return found
}
