/** One measurement. CPU in µs a unit, times in µs, rate in units a second. Null: not measured by this workload. */
export interface Measured {
  readonly user: number | null
  readonly system: number | null
  readonly rate: number | null
  readonly p50: number | null
  readonly p99: number | null
  readonly errors: number
}

/** What was measured: by row (a workload) and peer, one entry a round. */
export class Results {
  readonly #rows = new Map<string, { readonly unit: string; readonly peers: Map<string, Measured[]> }>()
  /** One sentence for each measurement that failed or had errors. */
  readonly notes = new Set<string>()

  add(row: string, unit: string, peer: string, measured: Measured): void {
    let found = this.#rows.get(row)
    if (!found) this.#rows.set(row, (found = { unit, peers: new Map() }))
    const rounds = found.peers.get(peer) ?? []
    found.peers.set(peer, [...rounds, measured])
    if (measured.errors > 0) this.notes.add(`${row}: ${peer} failed some requests (${measured.errors} in one round).`)
  }

  rows(): readonly { readonly row: string; readonly unit: string }[] {
    return [...this.#rows].map(([row, { unit }]) => ({ row, unit }))
  }

  /** The median over the rounds, or null. */
  median(row: string, peer: string, of: (measured: Measured) => number | null): number | null {
    return medianOf(this.#rounds(row, peer).map(of))
  }

  /** One peer to another: the median of what it was round by round, so that what slows down both falls out. */
  ratio(row: string, peer: string, base: string, of: (measured: Measured) => number | null): number | null {
    return ratioOf(this.#rounds(row, peer).map(of), this.#rounds(row, base).map(of))
  }

  /** The same for one peer in two workloads that were measured in turns. */
  rowRatio(row: string, base: string, peer: string, of: (measured: Measured) => number | null): number | null {
    return ratioOf(this.#rounds(row, peer).map(of), this.#rounds(base, peer).map(of))
  }

  #rounds(row: string, peer: string): readonly Measured[] {
    return this.#rows.get(row)?.peers.get(peer) ?? []
  }
}

function ratioOf(mine: readonly (number | null)[], theirs: readonly (number | null)[]): number | null {
  // A peer may have had fewer rounds, or failed in one: then there is nothing to pair.
  if (mine.length !== theirs.length) return divide(medianOf(mine), medianOf(theirs))
  return medianOf(mine.map((value, round) => divide(value, theirs[round] ?? null)))
}

function divide(value: number | null, by: number | null): number | null {
  return value === null || by === null || by === 0 ? null : value / by
}

function medianOf(all: readonly (number | null)[]): number | null {
  const values = all.filter((value) => value !== null)
  if (values.length === 0) return null
  values.sort((a, b) => a - b)
  const middle = values.length >> 1
  const upper = values[middle] ?? 0
  return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? 0)) / 2
}

export function cpuOf({ user, system }: Measured): number | null {
  return user === null || system === null ? null : user + system
}
