import { randomBytes } from 'node:crypto'
import { chmod, link, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '../lib/start-error.ts'
import { octal, prepareStateFolder } from './state-folder.ts'

export interface KeptToken {
  readonly token: string
  readonly file: string
  readonly created: boolean
  /** What had to be put right: one sentence each. */
  readonly notices: readonly string[]
}

/** The token that is used when the operator configured none: made once, kept in the state folder. */
export async function readOrCreateToken(stateDir: string): Promise<KeptToken> {
  const folderNotice = await prepareStateFolder(stateDir)
  const notices = folderNotice === null ? [] : [folderNotice]
  const file = join(stateDir, 'token')
  try {
    const created = (await readToken(stateDir)) === null && (await createToken(file))
    const notice = created ? null : await tighten(file)
    if (notice !== null) notices.push(notice)
    const token = await readToken(stateDir)
    if (token === null) throw new Error('it was removed while it was read')
    return { token, file, created, notices }
  } catch (error) {
    if (error instanceof StartError || !(error instanceof Error)) throw error
    throw new StartError(`Cannot keep a token in ${file}: ${error.message}.`, 1, { cause: error })
  }
}

/** The key that browser sessions are signed with, so that they outlive a restart; made once, 32 bytes. */
export async function readOrCreateKey(stateDir: string): Promise<Uint8Array> {
  const file = join(stateDir, 'session.key')
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) await createToken(file)
  const key = Buffer.from((text ?? (await readFile(file, 'utf8'))).trim(), 'base64url')
  if (key.length === 32) return key
  throw new StartError(`The key in ${file} is damaged (${key.length} bytes of 32). Delete the file to get a new one.`)
}

/** Null when none has been made yet. */
export async function readToken(stateDir: string): Promise<string | null> {
  const file = join(stateDir, 'token')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const token = text.trim()
  // What can stand in a header field and is too long to be guessed.
  if (/^[!-~]{16,512}$/.test(token)) return token
  throw new StartError(
    `The token in ${file} is damaged (${token.length} characters). Delete the file to get a new one.`,
  )
}

/** False when another process was quicker. The file is complete from the moment it has its name. */
async function createToken(file: string): Promise<boolean> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600, flush: true })
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await unlink(draft)
  }
}

async function tighten(file: string): Promise<string | null> {
  const { mode } = await stat(file)
  if ((mode & 0o077) === 0) return null
  await chmod(file, 0o600)
  return `The token file ${file} was open to other users (mode ${octal(mode)}); it is 0600 now. Consider a new token: delete the file and start again.`
}
