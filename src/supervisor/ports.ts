import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { readProc } from '../lib/proc.ts'
import getPort from 'get-port'
import type { Clock } from '../lib/clock.ts'

/** A port that was handed out is not offered again for this long (milliseconds): a slow app may bind it late. */
const rest = 120_000

/** How many ports are tried before we say that there is none. */
const attempts = 20

/**
 * Free ports on 127.0.0.1 (and ::1, or a stranger there would answer clients of the same number), from *below* the range
 * that the system takes outgoing connections' ports from. Inside that range any connection of any program may take the
 * port before the child binds it, and a probe of a port nobody listens on may even connect to itself.
 */
export class Ports {
  readonly #clock: Clock
  readonly #given = new Map<number, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Rejects with one sentence when no free port is found. */
  async take(): Promise<number> {
    this.#forgetOld()
    for (let attempt = 0; attempt < attempts; attempt++) {
      const port = await this.#find()
      // Between the look and this line a concurrent call may have been given the same one: claiming is synchronous.
      if (this.#given.has(port)) continue
      this.#given.set(port, this.#clock.now())
      if (!hasIPv6() || (await isFree('::1', port))) return port
    }
    throw new Error(`no free port was found in ${attempts} attempts on 127.0.0.1`)
  }

  /** Somebody has it who did not get it here. */
  claim(port: number): void {
    this.#given.set(port, this.#clock.now())
  }

  async #find(): Promise<number> {
    const [low, high] = range
    const candidates: number[] = []
    while (candidates.length < 8) {
      const port = randomInt(low, high + 1)
      if (!this.#given.has(port)) candidates.push(port)
      else if (this.#given.size > (high - low) / 2) break
    }
    // When all of them are taken get-port falls back to one that the system chooses.
    return getPort({ host: '127.0.0.1', port: candidates })
  }

  #forgetOld(): void {
    const before = this.#clock.now() - rest
    for (const [port, at] of this.#given) {
      // Oldest first: a Map keeps the order of insertion.
      if (at > before) break
      this.#given.delete(port)
    }
  }
}

const range = usableRange()

/** 20000 and up stays clear of the well-known development ports (3000, 5432, 8080, 9229 …). */
function usableRange(): readonly [number, number] {
  const lowest = 20_000
  let ephemeral = 49_152
  try {
    ephemeral = Number.parseInt(readProc('/proc/sys/net/ipv4/ip_local_port_range'), 10)
  } catch {
    // Not Linux: 49152 is the start of the range on macOS and in RFC 6335 section 6.
  }
  return ephemeral - lowest > 1_000 ? [lowest, ephemeral - 1] : [lowest, 49_151]
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === '::1'))
}

/** Not get-port: it has just locked this number for us and would answer with another. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
