import { parseQuantity, type Measure, type Quantity } from './quantity.ts'

/** What a size may look like, for messages. */
export const SIZE_FORM = "a number of bytes, or a text such as '512kb', '256mb' or '1.5gb'"

/** Reads a size: a number is bytes, a text has a unit (`b`, `kb`, `mb`, `gb`, each 1024 of the one before). Whole bytes. */
export function parseSize(value: unknown): Quantity {
  return parseQuantity(value, measure)
}

const measure: Measure = {
  units: new Map([
    ['b', 1],
    ['kb', 2 ** 10],
    ['mb', 2 ** 20],
    ['gb', 2 ** 30],
  ]),
  example: (amount) => `${amount}kb`,
  max: { value: Number.MAX_SAFE_INTEGER, shown: '8 million gb' },
}
