import { existsSync } from 'node:fs'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Takes the state folder for this process, or answers null when another one has it. The lock is SQLite's on the file
 * `lock`, that is one of the kernel's (fcntl): of two that come at once exactly one gets it, and it ends with its process,
 * however that ends. A file with a PID in it can promise neither: between reading a stale one and removing it, somebody
 * else may have put theirs, and a PID says nothing from inside of another container.
 */
export async function takeLock(stateDir: string): Promise<Disposable | null> {
  const { DatabaseSync } = await importSqlite()
  const file = join(stateDir, 'lock')
  await writeFile(file, '', { flag: 'a', mode: 0o600 })
  await chmod(file, 0o600)
  const database = new DatabaseSync(file)
  if (!tryLock(database)) {
    database.close()
    return null
  }
  return {
    [Symbol.dispose]() {
      if (database.isOpen) database.close()
    },
  }
}

/** Says, while the lock is held to end a dead gateway's apps, that it will be free again: who starts then waits. */
export async function announceEnding(stateDir: string): Promise<AsyncDisposable> {
  await writeFile(endingFile(stateDir), `${process.pid}\n`, { mode: 0o600 })
  return { [Symbol.asyncDispose]: () => rm(endingFile(stateDir), { force: true }) }
}

/** Takes the lock, also from a guardian that is about to be done. */
export async function awaitLock(stateDir: string): Promise<Disposable | null> {
  const until = performance.now() + longestEnding
  for (;;) {
    const lock = await takeLock(stateDir)
    if (lock !== null || !existsSync(endingFile(stateDir)) || performance.now() > until) return lock
    await delay(50)
  }
}

/** SIGTERM, SIGKILL and the looks in between (milliseconds). */
const longestEnding = 10_000

function endingFile(stateDir: string): string {
  return join(stateDir, 'ending')
}

function tryLock(database: DatabaseSync): boolean {
  try {
    // Nothing is ever written into it, so there is nothing a journal could restore.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    const { errcode } = error as { errcode?: number }
    if (errcode === sqliteBusy) return false
    throw error
  }
}

/** SQLITE_BUSY, https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5

/** Node 24 warns on stderr that SQLite is experimental; the operator can do nothing about that. */
async function importSqlite(): Promise<Sqlite> {
  const warn = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return await import('node:sqlite')
  } finally {
    process.emitWarning = warn
  }
}

interface Sqlite {
  readonly DatabaseSync: new (path: string) => DatabaseSync
}
