import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

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
