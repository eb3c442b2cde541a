import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config } from './complete.ts'

/** Who may call: what the gateway and the admin listener know of a token. The token itself is nowhere kept. */
export interface KnownToken {
  readonly name: string
  /** 64 hex digits. */
  readonly sha256: string
  /** Null: all apps, and the admin listener. */
  readonly apps: readonly string[] | null
}

/** The configured tokens, or the one of the state folder when none is configured. */
export function tokensOf(config: Config, own: string | null): readonly KnownToken[] {
  if (own === null) return config.auth.tokens
  return [{ name: 'owner', sha256: createHash('sha256').update(own).digest('hex'), apps: null }]
}

/** Whether a token opens everything. Every known token is compared, in constant time, whichever matches. */
export function opensEverything(tokens: readonly KnownToken[], token: string): boolean {
  const digest = createHash('sha256').update(token).digest()
  let found = false
  for (const it of tokens) {
    if (timingSafeEqual(digest, Buffer.from(it.sha256, 'hex')) && it.apps === null) found = true
  }
  return found
}
