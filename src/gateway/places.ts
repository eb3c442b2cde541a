/** Counts the places that waiting requests take, an app. */
export interface Places {
  /** Takes one of `max` places; false when all are taken. */
  take(app: string, max: number): boolean
  giveBack(app: string): void
}

/** Of a gateway that is alone. */
export class OwnPlaces implements Places {
  readonly #taken = new Map<string, number>()

  take(app: string, max: number): boolean {
    const taken = this.#taken.get(app) ?? 0
    if (taken >= max) return false
    this.#taken.set(app, taken + 1)
    return true
  }

  giveBack(app: string): void {
    const left = (this.#taken.get(app) ?? 0) - 1
    if (left > 0) this.#taken.set(app, left)
    else this.#taken.delete(app)
  }
}
