import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { maxSocketPath } from '../lib/socket-path.ts'

/**
 * Calls `use` with a path that leads to the socket `file` and fits into `sun_path`: 104 bytes on macOS, 108 on Linux, the
 * last one a NUL. A folder may well lie deeper than that. The way round is a link to it from a short place, needed only
 * for the moment of bind(2) or connect(2): the socket itself is in its folder, so both ends make a link of their own and
 * have nothing to agree on. The link's folder is 0700 and of a random name, so nobody can turn it elsewhere.
 */
export async function withShortPath<T>(file: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(file) <= maxSocketPath) return use(file)
  const folder = await mkdtemp(join(tmpdir().length > 50 ? '/tmp' : tmpdir(), 'quay-'))
  try {
    const shortcut = join(folder, 's')
    await symlink(dirname(file), shortcut)
    return await use(join(shortcut, basename(file)))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
