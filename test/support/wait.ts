import { setTimeout as pause } from 'node:timers/promises'

/**
 * How long a test waits for what has to come, in milliseconds; what comes is not waited for any longer, so this is for a
 * machine many times slower than any we know. TEST_PATIENCE sets another.
 */
export const patience: number = Number(process.env['TEST_PATIENCE'] ?? 20_000)

export interface WaitOptions {
  /** Milliseconds; `patience` by default. */
  readonly timeout?: number
  /** What is waited for, for the message when it does not come. */
  readonly what: string
}

/**
 * Asks again and again until the answer is neither false, null nor undefined. For what cannot be awaited: another
 * process, a file, a route. An error thrown by the question counts as "not yet" and is told when time is up.
 */
export async function eventually<T>(
  question: () => T | Promise<T>,
  { timeout = patience, what }: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeout
  let trouble: Error | null = null
  for (;;) {
    try {
      const answer = await question()
      if (answer !== false && answer !== null && answer !== undefined) {
        return answer as Exclude<T, false | null | undefined>
      }
      trouble = null
    } catch (error) {
      trouble = error instanceof Error ? error : new Error(String(error))
    }
    if (performance.now() > deadline) {
      throw new Error(`Waited ${timeout} ms in vain: ${what}${trouble ? ` (last: ${trouble.message})` : ''}`, {
        cause: trouble,
      })
    }
    await pause(10)
  }
}

/** A promise that must not take longer than `timeout` milliseconds. */
export async function within<T>(promise: Promise<T>, timeout: number, what: string | (() => string)): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Waited ${timeout} ms in vain: ${typeof what === 'string' ? what : what()}`))
    }, timeout)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
