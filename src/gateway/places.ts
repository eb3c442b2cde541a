/** Counts the places that waiting requests take, an app. */
export interface Places {
  /** Takes one of `max` places; null when all are taken. Called once, what it returns gives back this very place. */
  take(app: string, max: number): (() => void) | null
}

/** Of a gateway that is alone. */
export class OwnPlaces implements Places {
  readonly #taken = new Map<string, number>()

  take(app: string, max: number): (() => void) | null {
    const taken = this.#taken.get(app) ?? 0
    if (taken >= max) return null
    this.#taken.set(app, taken + 1)
    return () => this.#giveBack(app)
  }

  #giveBack(app: string): void {
    const left = (this.#taken.get(app) ?? 0) - 1
    if (left > 0) this.#taken.set(app, left)
    else this.#taken.delete(app)
  }
}
