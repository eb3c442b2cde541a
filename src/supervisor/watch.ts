import path from 'node:path'
import { watch, type ChokidarOptions, type FSWatcher } from 'chokidar'
import { shown } from './display.ts'
import { messageOf, reasonOf } from './errno.ts'
import { isIgnoredName } from './names.ts'
import { Restless } from './restless.ts'

export interface WatchOptions {
  readonly appsDir: string
  /** An entry of `apps/` may have changed, or something right inside it; null: look at all of them. */
  readonly changed: (entry: string | null) => void
  readonly notice: (level: 'info' | 'warn' | 'error', message: string) => void
  /** Chokidar's `watch`, unless a test wants to see it fail. */
  readonly create?: (folder: string, options: ChokidarOptions) => FSWatcher
}

/**
 * Tells where to look, never what is there: events may be doubled, early or about nothing, the caller looks for itself.
 * Chokidar also waits for a folder that does not exist and takes it up again when it was deleted and made anew.
 */
export async function watchFolder(options: WatchOptions): Promise<AsyncDisposable> {
  const { appsDir, changed, notice, create = watch } = options
  let closed = false
  let polling = false
  let watcher: FSWatcher | null = null

  const restless = new Restless({
    watch: (folder) => void watcher?.add(folder),
    unwatch: (folder) => void watcher?.unwatch(folder),
    look: (folder) => changed(path.basename(folder)),
  })
  const seconds = setInterval(() => restless.second(), 1_000)

  const stop = async (): Promise<void> => {
    const closing = watcher?.close()
    // Closing takes all listeners away, and an error that nobody listens to would end the process.
    watcher?.on('error', () => undefined)
    await closing
  }

  const restart = async (): Promise<void> => {
    await stop()
    if (closed) return
    restless.clear()
    await start()
    changed(null)
  }

  const start = async (): Promise<void> => {
    const current = create(appsDir, {
      depth: 1,
      followSymlinks: false,
      // Settling, lingering and telling a replacement are done where all of it is known.
      atomic: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      ignored: (file) => file !== appsDir && (isIgnoredName(path.basename(file)) || (!polling && isDeep(file))),
      ...(polling ? { usePolling: true, interval: pollEvery, binaryInterval: pollEvery } : {}),
    })
    watcher = current
    const hint = (file: string): void => {
      const [entry = ''] = path.relative(appsDir, file).split(path.sep)
      if (entry === '') changed(null)
      else if (entry !== '..' && !isIgnoredName(entry)) changed(entry)
    }
    current.on('all', (_event, file) => hint(file))
    // Chokidar compares size and time and so keeps a chmod to itself; the raw event knows of it.
    current.on('raw', (_event, file, details: unknown) => {
      const folder = (details as { watchedPath?: unknown } | undefined)?.watchedPath
      if (typeof folder !== 'string' || typeof file !== 'string') return
      if (polling || path.dirname(folder) !== appsDir || restless.stirs(folder)) hint(path.resolve(folder, file))
    })
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, readyLimit)
      const ready = (): void => {
        clearTimeout(late)
        resolve()
      }
      current.once('ready', ready)
      current.on('error', (error) => {
        if (current === watcher) complain(error)
        ready()
      })
    })
  }

  /** What is in an app's folder need not be known to chokidar one by one: the raw events of the folder tell of it. */
  const isDeep = (file: string): boolean => path.dirname(file) !== appsDir

  const complain = (error: unknown): void => {
    const code = reasonOf(error) ?? ''
    if (closed) return
    if (polling || !['ENOSPC', 'EMFILE', 'ENFILE'].includes(code)) {
      notice('warn', `Watching ${shown(appsDir)}: ${messageOf(error)}. It is also looked through every few seconds.`)
      return
    }
    polling = true
    const limit =
      code === 'ENOSPC' ? 'sysctl fs.inotify.max_user_watches' : '`ulimit -n` or sysctl fs.inotify.max_user_instances'
    notice(
      'warn',
      `The system gives no more file watches (${code}): ${shown(appsDir)} is polled every ${pollEvery} ms instead; raise ${limit}.`,
    )
    void restart()
  }

  await start()
  return {
    [Symbol.asyncDispose]: async () => {
      closed = true
      clearInterval(seconds)
      await stop()
    },
  }
}

/** Milliseconds; a person who drops a file does not notice half a second, a laptop does notice a busy loop. */
const pollEvery = 500

/** Milliseconds to wait for the first scan; a huge folder is watched later rather than started later. */
const readyLimit = 2_000
