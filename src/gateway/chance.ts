import { randomFillSync } from 'node:crypto'

/** Chance for many requests at once: asked for each, it would cost more than parsing a head. */
const chance = Buffer.allocUnsafeSlow(16 * 1024)
let used = chance.length

/** `size` random bytes in hex, for what must be unlikely to be guessed or met twice. */
export function randomHex(size: number): string {
  if (used + size > chance.length) {
    randomFillSync(chance)
    used = 0
  }
  const at = used
  used += size
  return chance.toString('hex', at, used)
}

/** The id of a request: 128 random bits, of the shape of a UUID. */
export function newId(): string {
  const hex = randomHex(16)
  // Written out, because parts put together are a rope, which is flattened at its first use.
  for (let i = 0, to = 0; i < 32; i++) {
    if (i === 8 || i === 12 || i === 16 || i === 20) shape[to++] = DASH
    shape[to++] = hex.charCodeAt(i)
  }
  // RFC 9562 §5.4: version 4, variant 10.
  shape[14] = FOUR
  shape[19] = VARIANTS.charCodeAt(hex.charCodeAt(16) & 3)
  return shape.toString('latin1')
}

const DASH = 0x2d
const FOUR = 0x34
const VARIANTS = '89ab'
const shape = Buffer.alloc(36)
