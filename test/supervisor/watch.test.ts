import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { watch, type ChokidarOptions } from 'chokidar'
import { watchFolder } from '../../src/supervisor/watch.ts'
import { patience } from '../support/wait.ts'

test('a chmod is told, which changes neither size nor time', async () => {
  await using folder = await watched()
  await folder.until(() => writeFile(path.join(folder.path, 'fresh'), 'x', { mode: 0o644 }), 'fresh')
  await folder.quiet()
  await folder.until(() => chmod(path.join(folder.path, 'fresh'), 0o755), 'fresh')
})

test('what can be no app is not told', async () => {
  await using folder = await watched()
  await writeFile(path.join(folder.path, '.hidden'), 'x')
  await writeFile(path.join(folder.path, 'data.json'), 'x')
  await folder.until(() => writeFile(path.join(folder.path, 'other'), 'x'), 'other')
  assert.deepEqual([...new Set(folder.told)], ['other'])
})

test('what is written in an app is told, also while it is written all the time', async () => {
  await using folder = await watched()
  const app = path.join(folder.path, 'app')
  await folder.until(() => mkdir(app), 'app')
  await folder.quiet()
  await folder.until(() => writeFile(path.join(app, 'run'), 'x', { mode: 0o755 }), 'app')
  await folder.quiet()
  await folder.until(() => chmod(path.join(app, 'run'), 0o700), 'app')
  // As fast as it goes: far more than so many a second.
  for (let write = 0; write < 2_000; write++) appendFileSync(path.join(app, `data-${write % 2}`), 'x')
  await folder.quiet()
  await folder.until(() => writeFile(path.join(app, 'run'), 'y'), 'app')
})

test('when the system gives no more watches the folder is polled, and that is said once', async () => {
  const asked: (ChokidarOptions | undefined)[] = []
  await using folder = await watched((dir, options) => {
    asked.push(options)
    const watcher = watch(dir, options)
    if (asked.length === 1) {
      const error = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      setImmediate(() => {
        watcher.emit('error', error)
        watcher.emit('error', error)
      })
    }
    return watcher
  })
  await folder.until(() => Promise.resolve(), null)
  await folder.until(() => writeFile(path.join(folder.path, 'hello'), 'longer than before'), 'hello')
  assert.equal(folder.notices.length, 1)
  assert.match(
    folder.notices[0] ?? '',
    /ENOSPC.*polled every 500 ms instead; raise sysctl fs\.inotify\.max_user_watches/,
  )
  assert.deepEqual(
    asked.map((it) => it?.usePolling ?? false),
    [false, true],
  )
})

interface Watched extends AsyncDisposable {
  readonly path: string
  readonly told: (string | null)[]
  readonly notices: string[]
  /** Resolves when nothing was told for a moment, and forgets what was. */
  quiet(): Promise<void>
  until(act: () => Promise<void>, entry: string | null): Promise<void>
}

async function watched(create?: typeof watch): Promise<Watched> {
  const folder = await mkdtemp(path.join(tmpdir(), 'watch-'))
  await writeFile(path.join(folder, 'hello'), 'x', { mode: 0o644 })
  const told: (string | null)[] = []
  const notices: string[] = []
  const waiting = new Set<() => void>()
  const watching = await watchFolder({
    appsDir: folder,
    changed: (entry) => {
      told.push(entry)
      for (const look of waiting) look()
    },
    notice: (_level, message) => void notices.push(message),
    ...(create ? { create } : {}),
  })
  return {
    path: folder,
    told,
    notices,
    quiet: async () => {
      while (told.length > 0) {
        told.length = 0
        await sleep(150)
      }
    },
    until: async (act, entry) => {
      const done = Promise.withResolvers<void>()
      const look = (): void => {
        if (told.includes(entry)) done.resolve()
      }
      const late = setTimeout(() => done.reject(new Error(`${entry} was not told, but ${told.join()}`)), patience)
      waiting.add(look)
      await act()
      look()
      await done.promise.finally(() => clearTimeout(late))
      waiting.delete(look)
    },
    [Symbol.asyncDispose]: async () => {
      await watching[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
