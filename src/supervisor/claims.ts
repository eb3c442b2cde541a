/**
 * Who may be called what. The first that claims a name keeps it for as long as it exists, whatever comes after; then
 * the next in line gets it. Identity, not equality, tells claimants apart.
 */
export class Claims<T> {
  readonly #lines = new Map<string, T[]>()

  /** Joins the line for `name`, once. */
  claim(name: string, claimant: T): void {
    const line = this.#lines.get(name)
    if (!line) this.#lines.set(name, [claimant])
    else if (!line.includes(claimant)) line.push(claimant)
  }

  owner(name: string): T | undefined {
    return this.#lines.get(name)?.[0]
  }

  /** Leaves the line. If it was the first, returns the others, the new owner first: to all of them this is news. */
  release(name: string, claimant: T): readonly T[] {
    const line = this.#lines.get(name)
    const index = line?.indexOf(claimant) ?? -1
    if (!line || index < 0) return []
    line.splice(index, 1)
    if (line.length === 0) this.#lines.delete(name)
    return index === 0 ? [...line] : []
  }
}
