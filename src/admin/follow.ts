/** Hands a listener what happens, until the subscription is disposed of. */
export type Subscribe = (push: (text: string) => void) => Disposable

export interface FollowOptions {
  /** Sent first, in the same turn as the subscription: nothing is missed between them and nothing comes twice. */
  readonly first?: readonly string[]
  /** Bytes that may wait for a slow client; what comes beyond is dropped and counted. Default 1 MiB. */
  readonly bound?: number
  /** What a client is told once it reads again. */
  readonly lost: (count: number) => string
  /** Sent every `heartbeat` ms, so that a client that silently left is noticed. */
  readonly beat?: string
  /** Default 15 s: proxies commonly give up an idle connection after 30 or 60. */
  readonly heartbeat?: number
}

/** A response body that follows what happens, bounded for a client that does not read. */
export function follow(subscribe: Subscribe, options: FollowOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let subscription: Disposable | null = null
  let timer: NodeJS.Timeout | null = null
  let lost = 0
  const stop = (): void => {
    subscription?.[Symbol.dispose]()
    if (timer) clearInterval(timer)
  }
  const strategy = { highWaterMark: options.bound ?? 1024 * 1024, size: (chunk: Uint8Array) => chunk.byteLength }
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string): void => controller.enqueue(encoder.encode(text))
        const push = (text: string): void => {
          if ((controller.desiredSize ?? 0) <= 0) {
            lost += 1
            return
          }
          if (lost > 0) {
            send(options.lost(lost))
            lost = 0
          }
          send(text)
        }
        subscription = subscribe(push)
        for (const text of options.first ?? []) send(text)
        const { beat } = options
        if (beat === undefined) return
        timer = setInterval(() => {
          if ((controller.desiredSize ?? 0) > 0) send(beat)
        }, options.heartbeat ?? 15_000)
        timer.unref()
      },
      pull(controller) {
        if (lost === 0) return
        controller.enqueue(encoder.encode(options.lost(lost)))
        lost = 0
      },
      cancel: stop,
    },
    strategy,
  )
}
