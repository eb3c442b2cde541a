import { watch } from 'chokidar'

/** How long to wait for an editor that writes in several steps (milliseconds). */
const settleFor = 60

/**
 * Calls `changed` after any of `files` has changed, appeared or gone; it answers with the files to watch from then on.
 * Calls never overlap; changes during one are answered by one more.
 */
export async function watchFiles(
  files: readonly string[],
  changed: () => Promise<readonly string[]>,
): Promise<AsyncDisposable> {
  const watched = new Set(files)
  const watcher = watch([...watched], { ignoreInitial: true })
  let timer: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let again = false
  const call = async (): Promise<void> => {
    do {
      again = false
      const next = await changed()
      for (const file of next) if (!watched.has(file)) watcher.add(file)
      for (const file of next) watched.add(file)
    } while (again)
    running = null
  }
  watcher.on('all', () => {
    if (timer) clearTimeout(timer)
    timer = setTimeout(() => {
      if (running) again = true
      else running = call()
    }, settleFor)
  })
  // A file that cannot be watched is not worth a stop: the next start reads it anyway.
  watcher.on('error', () => {})
  await new Promise<void>((resolve) => void watcher.once('ready', () => resolve()))
  return {
    async [Symbol.asyncDispose]() {
      if (timer) clearTimeout(timer)
      await watcher.close()
      await running
    },
  }
}
