import { chmod, lstat, mkdir } from 'node:fs/promises'
import { StartError } from '../lib/start-error.ts'

/**
 * Makes sure that the state folder exists and is ours alone (0700). Answers with a notice when somebody else could look
 * into it until now, else null.
 */
export async function prepareStateFolder(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const { mode, uid } = await lstat(folder)
    const us = process.getuid?.() ?? uid
    if (uid !== us && us !== 0) {
      throw new StartError(
        `The state folder ${folder} belongs to another user (uid ${uid}). Choose one of your own with --state DIR.`,
      )
    }
    if ((mode & 0o077) === 0) return null
    await chmod(folder, 0o700)
    return `The state folder ${folder} was open to other users (mode ${octal(mode)}); it is 0700 now.`
  } catch (error) {
    if (error instanceof StartError || !(error instanceof Error)) throw error
    throw new StartError(
      `Cannot use ${folder} as state folder: ${error.message}. Choose another with --state DIR.`,
      1,
      {
        cause: error,
      },
    )
  }
}

export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
