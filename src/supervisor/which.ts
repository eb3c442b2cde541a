import { access, constants, stat } from 'node:fs/promises'
import path from 'node:path'

/** Where a command would be found, or null. A command with a slash is not searched for. */
export async function which(command: string, searchPath: string, cwd: string): Promise<string | null> {
  if (command === '') return null
  if (command.includes('/')) {
    const file = path.resolve(cwd, command)
    return (await isRunnable(file)) ? file : null
  }
  for (const folder of searchPath.split(path.delimiter)) {
    const file = path.join(path.resolve(cwd, folder), command)
    if (await isRunnable(file)) return file
  }
  return null
}

/** For root any execute bit will do, as for the kernel; a file system mounted noexec says no. */
export async function isRunnable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
