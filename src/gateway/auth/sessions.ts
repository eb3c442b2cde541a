import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

import type { Known } from './tokens.ts'

/** A signed-in browser signs in again after this long (milliseconds). */
const lifetime = 7 * 24 * 3_600_000
/** Sessions that were signed out and are remembered as such; the oldest is forgotten first. */
const maxRevoked = 10_000

export interface SessionOptions {
  /** 32 secret bytes. Sessions hold for as long as this stays the same. Default: new ones. */
  readonly key?: Uint8Array
  /** Called with each session that is signed out here. */
  readonly revoked?: (session: string) => void
}

/**
 * Browser sessions without a table: the cookie is `<expiry>.<nonce>.<mac>`, keyed with a secret over the token's
 * digest. It holds nothing of the token, and dies with it and with the secret. Times are of the wall clock, since a
 * session may outlive the process.
 */
export class Sessions {
  readonly #secret: Uint8Array
  readonly #tell: (session: string) => void
  readonly #revoked = new Set<string>()

  constructor({ key = randomBytes(32), revoked = () => {} }: SessionOptions = {}) {
    this.#secret = key
    this.#tell = revoked
  }

  issue({ digest }: Known, now: number): string {
    const stem = `${Math.floor(now + lifetime)}.${randomBytes(16).toString('base64url')}`
    return `${stem}.${this.#mac(stem, digest)}`
  }

  find(known: readonly Known[], cookie: string, now: number): Known | null {
    const parts = /^((\d{1,16})\.[\w-]{22})\.([\w-]{43})$/.exec(cookie)
    const [, stem = '', expiry = '0', given = ''] = parts ?? []
    if (!parts || Number(expiry) < now || this.#revoked.has(stem)) return null
    // As text: the last character of a base64 text has bits that decoding drops.
    const mac = Buffer.from(given)
    let found: Known | null = null
    for (const one of known) if (timingSafeEqual(mac, Buffer.from(this.#mac(stem, one.digest)))) found ??= one
    return found
  }

  /** A browser signs out here; whoever shares the key is told. */
  signOut(cookie: string): void {
    this.revoke(cookie)
    this.#tell(cookie)
  }

  revoke(cookie: string): void {
    const stem = cookie.split('.').slice(0, 2).join('.')
    if (stem.length > 64) return
    this.#revoked.add(stem)
    const [oldest] = this.#revoked
    if (this.#revoked.size > maxRevoked && oldest !== undefined) this.#revoked.delete(oldest)
  }

  #mac(stem: string, digest: Buffer): string {
    return createHmac('sha256', this.#secret).update(digest).update(stem).digest('base64url')
  }
}
