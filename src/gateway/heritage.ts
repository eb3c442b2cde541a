import type { ListeningSockets } from '../lib/running.ts'

/** What the threads of this gateway start with. */
export interface Ground {
  readonly port: number
  /** How many sockets a thread has: one for each address. */
  readonly group: number
  /** Descriptors for the first threads; the others open their own. */
  readonly shares: readonly (readonly number[])[]
}

/**
 * Shares the inherited sockets out among `count` threads. All of them are listened on: a client may wait in each. With
 * fewer threads than before some have the sockets of several, with more the last have none.
 */
export function heritage({ descriptors, threads = 1, port }: ListeningSockets, count: number): Ground {
  const group = Math.max(1, Math.floor(descriptors.length / threads))
  const shares = Array.from({ length: Math.min(threads, count) }, (): number[] => [])
  for (const [at, fd] of descriptors.entries()) shares[Math.floor(at / group) % shares.length]?.push(fd)
  return { port, group, shares }
}
