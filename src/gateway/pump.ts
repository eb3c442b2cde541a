import type { Readable, Writable } from 'node:stream'

/**
 * Moves bytes with back-pressure and nothing else: ending and failing are the caller's. Returns what stops it.
 * `stream.pipe` would also end the sink after a source that was cut off in the middle of a chunked body.
 */
export function pump(from: Readable, to: Writable, moved: (bytes: number) => void): () => void {
  const onData = (chunk: Buffer): void => {
    moved(chunk.length)
    if (!to.write(chunk)) from.pause()
  }
  const onDrain = (): void => void from.resume()
  from.on('data', onData)
  to.on('drain', onDrain)
  return () => {
    from.off('data', onData)
    to.off('drain', onDrain)
    from.pause()
  }
}
