import { randomFillSync } from 'node:crypto'

/** Chance for many requests at once, as text: asked for each, it would cost more than parsing a head. */
const chance = Buffer.allocUnsafeSlow(8 * 1024)
let hex = ''
let used = 0

/** `size` random bytes in hex, for what must be unlikely to be guessed or met twice. */
export function randomHex(size: number): string {
  if (used + 2 * size > hex.length) {
    hex = randomFillSync(chance).toString('hex')
    used = 0
  }
  return hex.slice(used, (used += 2 * size))
}

/** So many ids are made at once. Who keeps one keeps the text of all: they are slices of it. */
const idsAtOnce = 32
const idSize = 36
const shapes = Buffer.alloc(idsAtOnce * idSize, '-')
let ids = ''
let idsUsed = 0

/** The id of a request: 128 random bits, of the shape of a UUID. */
export function newId(): string {
  if (idsUsed === ids.length) {
    for (let at = 0; at < shapes.length; at += idSize) shape(at, randomHex(16))
    ids = shapes.toString('latin1')
    idsUsed = 0
  }
  return ids.slice(idsUsed, (idsUsed += idSize))
}

function shape(at: number, hex: string): void {
  let to = at
  for (let i = 0; i < 32; i++) {
    // Over the dash.
    if (i === 8 || i === 12 || i === 16 || i === 20) to++
    shapes[to++] = hex.charCodeAt(i)
  }
  // RFC 9562 §5.4: version 4, variant 10.
  shapes[at + 14] = FOUR
  shapes[at + 19] = VARIANTS.charCodeAt(hex.charCodeAt(16) & 3)
}

const FOUR = 0x34
const VARIANTS = '89ab'
