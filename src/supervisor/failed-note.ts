import { randomBytes } from 'node:crypto'
import { lstat, open, rename, rm } from 'node:fs/promises'
import { constants } from 'node:fs'
import path from 'node:path'

export interface Failure {
  readonly app: string
  /** `-` when it could not even be started. */
  readonly version: string
  readonly reason: string
  /** Of the version that serves on. */
  readonly kept: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The last lines it wrote. */
  readonly lines: readonly string[]
}

const mark = '# Written by Quaymaster.'

/**
 * Leaves `<app>.failed` beside the app, for whoever copies files and reads no logs. Written under another name and
 * renamed, so never through a link; for its owner only, as it holds what the app said; whatever lies there and is not ours stays. A folder that cannot be written to costs
 * the note and nothing else.
 */
export async function leaveNote(appsDir: string, failure: Failure): Promise<void> {
  const file = noteFile(appsDir, failure.app)
  if (!(await isFree(file))) return
  const fresh = path.join(appsDir, `.quay-note-${randomBytes(6).toString('hex')}`)
  try {
    const handle = await open(fresh, 'wx', 0o600)
    await handle.writeFile(text(failure)).finally(() => handle.close())
    await rename(fresh, file)
  } catch {
    await rm(fresh, { force: true }).catch(() => undefined)
  }
}

/** Takes our note away, if there is one. */
export async function removeNote(appsDir: string, app: string): Promise<void> {
  const file = noteFile(appsDir, app)
  if ((await lstat(file).catch(() => null)) && (await isFree(file)))
    await rm(file, { force: true }).catch(() => undefined)
}

function noteFile(appsDir: string, app: string): string {
  return path.join(appsDir, `${app}.failed`)
}

async function isFree(file: string): Promise<boolean> {
  const stats = await lstat(file).catch(() => null)
  if (stats === null) return true
  if (!stats.isFile()) return false
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mark.length)).finally(() => handle.close())
    return buffer.toString('utf8', 0, bytesRead) === mark
  } catch {
    return false
  }
}

function text({ app, version, reason, kept, at, lines }: Failure): string {
  const said = lines.length === 0 ? [] : ['', 'Its last lines:', ...lines.map((line) => `  ${line}`)]
  return [
    `${mark} It goes when a later version of ${app} is accepted.`,
    '',
    `The newest version of ${app} was refused; the one before it serves on.`,
    '',
    `Refused: ${version === '-' ? 'the file as it is' : version}`,
    `Serving: ${kept}`,
    `When:    ${new Date(at).toISOString()}`,
    `Why:     ${reason}`,
    ...said,
    '',
    `It is tried again when the file changes, or with: quaymaster restart ${app}`,
    '',
  ].join('\n')
}
