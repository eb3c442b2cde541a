import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

/** Hex SHA-256 of a file, read in pieces so that the event loop is never kept long. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  if ((await stat(file)).size <= 1024 * 1024) hash.update(await readFile(file))
  else await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
