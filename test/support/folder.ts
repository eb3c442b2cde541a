import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { end, endTree, processesOf } from './processes.ts'
import { patience, within } from './wait.ts'

/** The repository. */
export const root: string = path.resolve(import.meta.dirname, '../..')
/** The program under test. */
export const bin: string = path.join(root, 'bin/quaymaster.mjs')
/** Small executables named by what they do. */
export const fixtures: string = path.join(root, 'test/fixtures/apps')

/** What to put into `apps/`: the name of a fixture, a fixture with its `@words@` filled in, or any text. */
export type AppFile =
  | string
  | { readonly fixture: string; readonly words: Readonly<Record<string, string>> }
  | { readonly text: string | Buffer; readonly mode?: number }

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * A temporary folder as an operator has one: `apps/`, maybe a config, the state folder. On disposal it proves that
 * nothing which was started from it still runs, and is removed.
 */
export class Folder implements AsyncDisposable {
  readonly dir: string
  readonly apps: string

  constructor(dir: string) {
    this.dir = dir
    this.apps = path.join(dir, 'apps')
  }

  /** Puts an app into `apps/` as `mv` does: whole, by one rename. */
  async put(name: string, file: AppFile): Promise<string> {
    const { bytes, mode } = await contents(file)
    const staging = path.join(this.dir, `.staging-${name.replaceAll('/', '-')}`)
    const target = path.join(this.apps, name)
    await fs.mkdir(path.dirname(target), { recursive: true })
    await fs.writeFile(staging, bytes)
    await fs.chmod(staging, mode)
    await fs.rename(staging, target)
    return target
  }

  /** Writes an app over the file that is there, as an editor or a compiler does: same inode, truncated first. */
  async overwrite(name: string, file: AppFile): Promise<void> {
    const { bytes } = await contents(file)
    await fs.writeFile(path.join(this.apps, name), bytes)
  }

  async remove(name: string): Promise<void> {
    await fs.rm(path.join(this.apps, name), { recursive: true })
  }

  /** Writes a program beside `apps/`, where nobody starts it. */
  async putBeside(name: string, file: AppFile): Promise<string> {
    const { bytes, mode } = await contents(file)
    const target = path.join(this.dir, name)
    await fs.writeFile(target, bytes, { mode })
    return target
  }

  /** Writes a file of the folder itself: a configuration, an env file. */
  async write(name: string, text: string): Promise<string> {
    const target = path.join(this.dir, name)
    await fs.mkdir(path.dirname(target), { recursive: true })
    await fs.writeFile(target, text)
    return target
  }

  /** The lines of a file that apps write to, none while there is no file. */
  async lines(name: string): Promise<string[]> {
    const text = await fs.readFile(path.join(this.dir, name), 'utf8').catch(() => '')
    return text.split('\n').filter((line) => line !== '')
  }

  path(name: string): string {
    return path.join(this.dir, name)
  }

  /** Runs a command of the program in this folder to its end. */
  async cli(...args: string[]): Promise<Ended> {
    return run(process.execPath, [bin, ...args], { cwd: this.dir })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await remaining(this.dir)
    for (const { pid } of left) end(pid)
    await fs.rm(this.dir, { recursive: true, force: true, maxRetries: 5 })
    if (left.length > 0) {
      throw new Error(`Left running: ${left.map(({ pid, command }) => `${pid} ${command}`).join(' | ')}`)
    }
  }
}

export interface FolderOptions {
  readonly apps?: Readonly<Record<string, AppFile>>
  /** Text of a `gateway.config.ts`, or an object that becomes a `gateway.config.json`. */
  readonly config?: string | object
  /** Other files, by their path in the folder. */
  readonly files?: Readonly<Record<string, string>>
}

export async function createFolder({ apps = {}, config, files = {} }: FolderOptions = {}): Promise<Folder> {
  // The real path, because /tmp is a link on macOS and /proc tells real paths.
  const folder = new Folder(await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'quay-'))))
  await fs.mkdir(folder.apps)
  for (const [name, file] of Object.entries(apps)) await folder.put(name, file)
  for (const [name, text] of Object.entries(files)) await folder.write(name, text)
  if (typeof config === 'string') await folder.write('gateway.config.ts', config)
  else if (config) await folder.write('gateway.config.json', JSON.stringify(config, null, 2))
  return folder
}

/** Runs any program to its end; where that does not come in time, it is ended with all that it started. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, env, timeout = 3 * patience }: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number } = {},
): Promise<Ended> {
  const child = spawn(command, args, { cwd, env: env ?? cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  try {
    const [code, signal] = (await within(once(child, 'close'), timeout, () => {
      return `the end of ${command} ${args.join(' ')}; so far: ${stdout}${stderr}`
    })) as [number | null, NodeJS.Signals | null]
    return { code, signal, stdout, stderr }
  } catch (error) {
    if (child.pid !== undefined) endTree(child.pid)
    throw error
  }
}

/** Our environment without what the test runner and a CI leave in it. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...extra }
  for (const name of Object.keys(env)) {
    // NODE_TEST_CONTEXT turns every Node below us into a reporting test file.
    if (name.startsWith('NODE_TEST') || name.startsWith('QUAYMASTER_') || name === 'FORCE_COLOR') delete env[name]
  }
  return env
}

async function contents(file: AppFile): Promise<{ bytes: Buffer | string; mode: number }> {
  if (typeof file === 'string') return contents({ fixture: file, words: {} })
  if ('text' in file) return { bytes: file.text, mode: file.mode ?? 0o755 }
  const text = await fs.readFile(path.join(fixtures, file.fixture), 'utf8')
  return {
    bytes: text.replaceAll(/@([a-z]+)@/g, (whole, word: string) => file.words[word] ?? whole),
    mode: 0o755,
  }
}

/** Looks more than once: what was sent SIGKILL a moment ago may still be in the table. */
async function remaining(dir: string): Promise<ReturnType<typeof processesOf>> {
  for (let attempt = 0; attempt < 20; attempt++) {
    if (processesOf(dir).length === 0) return []
    await pause(25)
  }
  return processesOf(dir)
}
