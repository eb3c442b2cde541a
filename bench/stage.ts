import fs from 'node:fs/promises'
import path from 'node:path'

import type { Built } from './build.ts'
import type { Peer, Started } from './peers/peer.ts'

export interface Variant {
  readonly apps: number
  readonly log: boolean
}

/** The gateways that are up. They stay between rounds, so that each keeps what it has learned; idle ones cost nothing. */
export class Stage implements AsyncDisposable {
  readonly #built: Built
  readonly #upstream: number
  readonly #dir: string
  readonly #up = new Map<string, Started | Error>()
  #count = 0

  constructor(built: Built, upstream: number, dir: string) {
    this.#built = built
    this.#upstream = upstream
    this.#dir = dir
  }

  /** The peer in this variant, started when it is not up yet; or why it did not start: it is not tried again. */
  async take(peer: Peer, variant: Variant): Promise<Started | Error> {
    const key = `${peer.name} ${variant.apps} ${variant.log}`
    const found = this.#up.get(key)
    if (found) return found
    const started = await this.fresh(peer, variant).catch((error: Error) => error)
    this.#up.set(key, started)
    return started
  }

  /** One more, which the caller ends. */
  async fresh(peer: Peer, { apps, log }: Variant): Promise<Started> {
    const dir = path.join(this.#dir, `peer-${(this.#count += 1)}`)
    await fs.mkdir(dir)
    return peer.start({ built: this.#built, upstream: this.#upstream, dir, apps, log })
  }

  /** Ends all. */
  async clear(): Promise<void> {
    const all = [...this.#up.values()]
    this.#up.clear()
    await Promise.allSettled(
      all.filter((it): it is Started => !(it instanceof Error)).map((it) => it[Symbol.asyncDispose]()),
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.clear()
  }
}
