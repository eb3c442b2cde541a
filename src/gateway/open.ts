import type { FrontDoor } from './front-door.ts'
import { Gateway, type GatewayOptions } from './gateway.ts'
import { GatewayThreads } from './threads.ts'

export interface FrontDoorOptions extends Omit<GatewayOptions, 'reusePort'> {
  /** How many threads. */
  readonly workers: number
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
}

/** SO_REUSEPORT that spreads connections over threads is Linux's; macOS has the option, but not the spreading. */
const spreads = process.platform === 'linux'

/** One gateway in this thread, or one in each of several threads that share the port. */
export async function openFrontDoor({ workers, notice, ...options }: FrontDoorOptions): Promise<FrontDoor> {
  if (workers <= 1) return Gateway.listen(options)
  if (!spreads) {
    notice('warn', `Several workers need SO_REUSEPORT as Linux has it; one thread serves instead of ${workers}.`)
    return Gateway.listen(options)
  }
  if (options.inherited && options.inherited.threads === undefined) {
    notice('warn', `One thread serves instead of ${workers} until the next start: its sockets came with the upgrade.`)
    return Gateway.listen(options)
  }
  return GatewayThreads.listen({ ...options, count: workers, notice })
}
