import { type FSWatcher, type Stats, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'

/** How long to wait for an editor that writes in several steps (milliseconds). */
const settleFor = 60
/** How often to look where nothing tells: no inotify is left, a folder was replaced, a link's end changed (milliseconds). */
const lookEvery = 2_000

/**
 * Calls `changed` after any of `files` has changed, appeared or gone; it answers with the files to watch from then on.
 * Calls never overlap; changes during one are answered by one more.
 *
 * Folders are watched, for a file that is replaced is another one, but what happens there to others is no reason to do
 * more than look at the files: the gateway's own log may be among them, written to a thousand times a second.
 */
export async function watchFiles(
  files: readonly string[],
  changed: () => Promise<readonly string[]>,
): Promise<AsyncDisposable> {
  /** By file, what it was when it was last looked at. */
  const seen = new Map<string, string>()
  const folders = new Map<string, FSWatcher | null>()
  let timer: NodeJS.Timeout | null = null
  let pending = false
  let looking: Promise<void> | null = null
  let again = false
  let closed = false

  const lookSoon = (): void => {
    if (closed) return
    timer ??= setTimeout(() => {
      timer = null
      again = looking !== null
      looking ??= look().finally(() => {
        looking = null
        if (again) lookSoon()
      })
    }, settleFor)
  }
  const add = async (file: string): Promise<void> => {
    const folder = path.dirname(file)
    if (!folders.has(folder)) folders.set(folder, watchFolder(folder, lookSoon))
    if (!seen.has(file)) seen.set(file, await standOf(file))
  }
  /** Whether one of them is another than when this was asked last. */
  const isOther = async (): Promise<boolean> => {
    let other = false
    for (const [file, before] of seen) {
      const now = await standOf(file)
      seen.set(file, now)
      other ||= now !== before
    }
    return other
  }
  const look = async (): Promise<void> => {
    if (closed) return
    const before = pending
    pending = await isOther()
    // As long as it goes on changing, its writer is not done.
    if (pending) return lookSoon()
    if (before) for (const file of await changed()) await add(file)
  }

  for (const file of files) await add(file)
  const beat = setInterval(lookSoon, lookEvery).unref()
  return {
    async [Symbol.asyncDispose]() {
      closed = true
      clearInterval(beat)
      if (timer) clearTimeout(timer)
      for (const folder of folders.values()) folder?.close()
      await looking
    },
  }
}

/** Null where it cannot be watched: then `lookEvery` has to do. */
function watchFolder(folder: string, told: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, told)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return null
  }
}

/** Another text whenever the file is another or has other content. */
async function standOf(file: string): Promise<string> {
  const found: Stats | null = await stat(file).catch(() => null)
  return found === null ? '' : `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`
}
