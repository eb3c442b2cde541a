import { parseQuantity, type Measure, type Quantity } from './quantity.ts'

/** What a duration may look like, for messages. */
export const DURATION_FORM = "a number of milliseconds, or a text such as '150ms', '2s', '1m' or '1.5h'"

/** Reads a duration: a number is milliseconds, a text has a unit (`ms`, `s`, `m`, `h`, `d`). Whole milliseconds. */
export function parseDuration(value: unknown): Quantity {
  return parseQuantity(value, measure)
}

/** A duration for people, at most two units: `150ms`, `1.6s`, `1m 30s`, `2h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 999.5) return `${ms < 10 ? tenths(ms) : Math.round(ms)}ms`
  if (ms < 59_950) return `${tenths(ms / 1_000)}s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return pair(seconds, 60, 'm', 's')
  const minutes = Math.round(ms / 60_000)
  return minutes < 1_440 ? pair(minutes, 60, 'h', 'm') : pair(Math.round(ms / 3_600_000), 24, 'd', 'h')
}

const measure: Measure = {
  units: new Map([
    ['ms', 1],
    ['s', 1_000],
    ['m', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  ]),
  example: (amount) => `${amount}s`,
  // Node's timers hold a signed 32-bit number of milliseconds and fire at once above it.
  max: { value: 2 ** 31 - 1, shown: '24 days' },
}

function tenths(amount: number): number {
  return Math.round(amount * 10) / 10
}

function pair(amount: number, size: number, big: string, small: string): string {
  const rest = amount % size
  const whole = `${Math.floor(amount / size)}${big}`
  return rest === 0 ? whole : `${whole} ${rest}${small}`
}
