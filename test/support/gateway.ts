import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import path from 'node:path'
import type { AppStatus, StatusDocument } from '../../src/model/status.ts'
import { Events } from './events.ts'
import { bin, cleanEnvironment, createFolder, type Ended, type Folder, type FolderOptions } from './folder.ts'
import { patience, within } from './wait.ts'

export interface GatewayOptions extends FolderOptions {
  /** An existing folder; it is then left to whoever made it. */
  readonly folder?: Folder
  /** Further arguments of `up`. */
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** The command in front of `up …`; Node and the bin by default. */
  readonly command?: readonly string[]
  readonly cwd?: string
  /** What requests of the test carry, when the configuration names tokens; else the one in the state folder. */
  readonly token?: string
}

/** A gateway of its own for a test, started as an operator starts it. `await using` ends it and looks for leftovers. */
export interface Gateway extends AsyncDisposable {
  readonly folder: Folder
  readonly events: Events
  /** What we spawned; under npm this is not the gateway. */
  readonly child: ChildProcess
  /** The gateway's own PID. */
  readonly pid: number
  readonly url: string
  readonly adminUrl: string
  readonly port: number
  readonly token: string
  /** What it said on stderr. */
  readonly stderr: () => string
  /** Resolves when the child we spawned is gone. */
  readonly ended: Promise<Ended>
  status(): Promise<StatusDocument>
  app(name: string): Promise<AppStatus>
  /** Ends it by a signal to what we spawned and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

export async function startGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const folder = options.folder ?? (await createFolder(options))
  const command = options.command ?? [process.execPath, bin, 'up']
  const [file = '', ...before] = command
  const child = spawn(file, [...before, '--port', '0', '--admin-port', '0', '--json', ...(options.args ?? [])], {
    cwd: options.cwd ?? folder.dir,
    env: cleanEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const events = new Events(child.stdout)
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout: '', stderr }
  })
  const listening = events.waitFor(({ event }) => event === 'listening', 'listening')
  const first = await listening.catch(async (error: unknown) => {
    child.kill('SIGKILL')
    await ended
    if (!options.folder) await folder[Symbol.asyncDispose]().catch(() => {})
    throw new Error(`${String(error)}; it said: ${stderr}${events.text.join('\n')}`, { cause: error })
  })
  const url = String(first['url'])
  const state = path.join(folder.dir, '.quaymaster')

  const gateway: Gateway = {
    folder,
    events,
    child,
    pid: Number(first.pid),
    url,
    adminUrl: String(first['adminUrl']),
    port: Number(new URL(url).port),
    token: options.token ?? (await fs.readFile(path.join(state, 'token'), 'utf8').catch(() => '')).trim(),
    stderr: () => stderr,
    ended,
    async status() {
      const { code, stdout, stderr } = await folder.cli('status', '--json')
      if (code !== 0) throw new Error(`status ended with ${code}: ${stderr}`)
      return JSON.parse(stdout) as StatusDocument
    },
    async app(name) {
      const found = (await gateway.status()).apps.find((app) => app.name === name)
      if (!found) throw new Error(`status knows no app ${name}`)
      return found
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return within(ended, 2 * patience, () => `the gateway's end; it said: ${events.last()}`)
    },
    async [Symbol.asyncDispose]() {
      try {
        await gateway.stop()
      } catch (error) {
        child.kill('SIGKILL')
        throw error
      } finally {
        if (!options.folder) await folder[Symbol.asyncDispose]()
      }
    },
  }
  return gateway
}
