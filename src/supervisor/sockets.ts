import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { maxSocketPath } from '../lib/socket-path.ts'
import type { Launch } from '../model/protocol.ts'

/**
 * Where a run is to bind its Unix socket: a name nobody had before, where nobody but our user can put something. In the
 * state folder, or where that lies too deep for a socket's address, in a folder of ours under /tmp. Rejects with one
 * sentence.
 */
export async function takeSocket(stateDir: string, launch: Launch): Promise<string> {
  if (launch.uid !== null && launch.uid !== process.getuid?.()) {
    throw new Error(
      "an app with a uid of its own cannot use listen: 'socket', whose folder is the gateway user's alone",
    )
  }
  const folder = folderFor(stateDir)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Under /tmp somebody else may have been first, with a folder or a link of theirs.
  const found = await lstat(folder)
  const isOurs = found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o077) === 0
  if (!found.isDirectory() || !isOurs) throw new Error(`the folder of sockets ${folder} is not ours alone`)
  return join(folder, randomBytes(8).toString('hex'))
}

/** What is left at the end of all runs. */
export async function dropSockets(stateDir: string): Promise<void> {
  await rm(folderFor(stateDir), { recursive: true, force: true }).catch(() => {})
}

/** A slash and 16 hexadecimal digits. */
const nameLength = 17

function folderFor(stateDir: string): string {
  const folder = join(stateDir, 'sockets')
  if (Buffer.byteLength(folder) + nameLength <= maxSocketPath) return folder
  const name = createHash('sha256').update(stateDir).digest('hex').slice(0, 16)
  return join('/tmp', `quaymaster-${process.getuid?.() ?? 0}-${name}`)
}
