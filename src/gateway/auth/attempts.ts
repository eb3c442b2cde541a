/** Failed sign-ins an address may make in a row, then one more every `refill` ms. */
const burst = 10
const refill = 6_000
/** Addresses remembered at once; the one that failed longest ago is forgotten first. */
const maxAddresses = 10_000

/** A leaky bucket an address. A token has 256 bits and cannot be guessed; this keeps guessing cheap for us. */
export class Attempts {
  readonly #failures = new Map<string, { count: number; at: number }>()
  readonly #tell: (address: string) => void

  /** `tell`: called with the address of each sign-in that failed here. */
  constructor(tell: (address: string) => void = () => {}) {
    this.#tell = tell
  }

  /** Milliseconds until the address may try again; 0 for now. */
  wait(address: string, now: number): number {
    const count = this.#count(address, now)
    return Math.ceil(Math.max(0, count - (burst - 1)) * refill)
  }

  failed(address: string, now: number): void {
    this.add(address, now)
    this.#tell(address)
  }

  /** One more that failed, here or at another gateway that shares the port. */
  add(address: string, now: number): void {
    const count = this.#count(address, now) + 1
    this.#failures.delete(address)
    this.#failures.set(address, { count, at: now })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > maxAddresses && oldest !== undefined) this.#failures.delete(oldest)
  }

  #count(address: string, now: number): number {
    const failure = this.#failures.get(address)
    return failure ? Math.max(0, failure.count - (now - failure.at) / refill) : 0
  }
}
