import http from 'node:http'
import { ask, type AskOptions, type Door } from './http.ts'

/** One request of a load: `status` is null when there was no answer, `error` says why. */
export interface Shot {
  /** When it began, on `performance.now()`. */
  readonly at: number
  readonly ms: number
  readonly status: number | null
  readonly error: string | null
  readonly body: string
}

export interface LoadOptions extends AskOptions {
  /** Requests a second, begun on time whether or not earlier ones have been answered. */
  readonly rps: number
  readonly path: string
}

/** A steady stream of GETs from kept-alive sockets, every result kept. */
export interface Load extends AsyncDisposable {
  /** What has been answered so far, in order of the answers. */
  readonly shots: readonly Shot[]
  /** Begun and not yet answered. */
  readonly inFlight: () => number
  /** No further requests; gives all results once the last answer is there. */
  stop(): Promise<readonly Shot[]>
}

export function startLoad(door: Door, { rps, path, ...options }: LoadOptions): Load {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 128, scheduling: 'fifo' })
  const shots: Shot[] = []
  const open = new Set<Promise<void>>()
  const began = performance.now()
  let fired = 0

  const fire = async (): Promise<void> => {
    const at = performance.now()
    try {
      const { status, body } = await ask(door, path, { ...options, agent, timeout: 40_000 })
      shots.push({ at, ms: performance.now() - at, status, error: null, body })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      shots.push({ at, ms: performance.now() - at, status: null, error: `${code ?? ''} ${String(error)}`, body: '' })
    }
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - began) / 1000) * rps)
    for (; fired < due; fired++) {
      const shot = fire()
      open.add(shot)
      shot.finally(() => open.delete(shot))
    }
  }, 5)

  const stop = async (): Promise<readonly Shot[]> => {
    clearInterval(timer)
    await Promise.all(open)
    agent.destroy()
    return shots
  }
  return { shots, inFlight: () => open.size, stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}

/** The shots that did not get a 200, a line each, for an assertion that shows them. */
export function failures(shots: readonly Shot[], expected: readonly number[] = [200]): string[] {
  return shots
    .filter(({ status }) => status === null || !expected.includes(status))
    .map(({ at, ms, status, error, body }) => {
      return `at ${at.toFixed(0)} after ${ms.toFixed(0)} ms: ${status ?? error} ${status === null ? '' : body.slice(0, 300)}`
    })
}

/** The latency in milliseconds that a share (0–1) of the shots kept. */
export function percentile(shots: readonly Shot[], share: number): number {
  const sorted = shots.map(({ ms }) => ms).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
