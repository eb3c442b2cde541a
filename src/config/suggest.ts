/** The candidate that was most likely meant, or null when none is close. */
export function suggest(word: string, candidates: readonly string[]): string | null {
  const wanted = fold(word)
  // A word this long is no typing error, and the distance is quadratic.
  if (wanted === '' || wanted.length > 64) return null
  let best: { candidate: string; distance: number } | null = null
  for (const candidate of candidates) {
    const known = fold(candidate)
    const related = known.length > 2 && wanted.length > 2 && (known.startsWith(wanted) || wanted.startsWith(known))
    const distance = Math.min(editDistance(wanted, known), related ? 1 : Infinity)
    if (distance <= Math.max(1, Math.floor(wanted.length / 3)) && distance < (best?.distance ?? Infinity)) {
      best = { candidate, distance }
    }
  }
  return best?.candidate ?? null
}

function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, '')
}

/** Optimal string alignment: insertions, deletions, substitutions, and neighbours swapped (the commonest slip). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity
}
