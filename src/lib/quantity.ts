export type Quantity = { readonly ok: true; readonly value: number } | { readonly ok: false; readonly reason: string }

export interface Measure {
  /** What one of each unit is worth in the base unit. */
  readonly units: ReadonlyMap<string, number>
  /** A correct example, put into the message about a number without a unit. */
  readonly example: (amount: string) => string
  readonly max: { readonly value: number; readonly shown: string }
}

/** Reads a number (in the base unit) or a text of a number and a unit. The reason is the end of a sentence: "has no unit". */
export function parseQuantity(value: unknown, measure: Measure): Quantity {
  const amount = typeof value === 'string' ? fromText(value.trim(), measure) : fromNumber(value)
  if (!amount.ok) return amount
  if (amount.value > measure.max.value) return refuse(`is more than the most possible, ${measure.max.shown}`)
  // Whole units are what timers and buffers take; a positive amount never becomes 0, which may mean "no limit".
  return { ok: true, value: amount.value > 0 ? Math.max(1, Math.round(amount.value)) : 0 }
}

function fromNumber(value: unknown): Quantity {
  if (typeof value !== 'number') return refuse('is neither a number nor a text')
  if (!Number.isFinite(value)) return refuse('is not a finite number')
  if (value < 0) return refuse('is negative')
  return { ok: true, value }
}

function fromText(text: string, measure: Measure): Quantity {
  const parts = /^(-?\d+(?:\.\d+)?|-?\.\d+)\s*([a-z]*)$/i.exec(text)
  const [, amount = '', unit = ''] = parts ?? []
  if (!parts) return refuse('is not a number with a unit')
  if (amount.startsWith('-')) return refuse('is negative')
  if (unit === '') return refuse(`has no unit, write '${measure.example(amount)}'`)
  const worth = measure.units.get(unit.toLowerCase())
  if (worth === undefined) {
    return refuse(`has the unknown unit '${unit}', the units are ${[...measure.units.keys()].join(', ')}`)
  }
  return { ok: true, value: Number(amount) * worth }
}

function refuse(reason: string): Quantity {
  return { ok: false, reason }
}
