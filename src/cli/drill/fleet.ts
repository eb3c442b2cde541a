import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readToken } from '../../admin/token.ts'
import type { UserAppConfig } from '../../config/config.ts'
import { CommandError } from '../fail.ts'
import { type DrillApp, drillApp, type Fault } from './app.ts'
import { Stage } from './stage.ts'

/** Short, so that every bad version is found out soon. */
const usual: Pick<UserAppConfig, 'health' | 'stop' | 'restart'> = {
  health: { boot: '3s', interval: '500ms', timeout: '500ms', misses: 2 },
  stop: { drain: '5s', grace: '2s' },
}

const list = promisify(execFile)

const bin = fileURLToPath(new URL('../../../bin/quaymaster.mjs', import.meta.url))

/** The name of the only app. */
const name = 'drill'

/** How the gateway's Node is started, and what hears each line that the gateway writes to stdout. */
export interface Node {
  readonly flags: readonly string[]
  said(line: string): void
}

const plain: Node = { flags: [], said() {} }

/** A gateway of its own in a folder of its own, with one app that may suffer anything; nothing of it is left behind. */
export class DrillFleet implements AsyncDisposable {
  readonly stage: Stage
  readonly posts: string
  readonly #dir: string
  readonly #boot: number
  readonly #node: Node
  #child: ChildProcess | null = null
  #versions = 0

  /** `boot`: milliseconds the app takes before it listens. */
  static async raise(boot: number, settings: typeof usual = {}, node: Node = plain): Promise<DrillFleet> {
    const dir = await realpath(await mkdtemp(join(tmpdir(), 'quaymaster-drill-')))
    const fleet = new DrillFleet(dir, boot, node)
    try {
      await mkdir(join(dir, 'apps'))
      await writeFile(
        join(dir, 'gateway.config.json'),
        JSON.stringify({ defaults: { ...usual, ...settings } }, null, 2),
      )
      await fleet.put(null)
      await fleet.start()
      return fleet
    } catch (error) {
      await fleet[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(dir: string, boot: number, node: Node) {
    this.#dir = dir
    this.#boot = boot
    this.#node = node
    this.posts = join(dir, 'posts')
    this.stage = new Stage(join(dir, '.quaymaster'), name)
  }

  get token(): Promise<string | null> {
    return readToken(this.stage.stateDir)
  }

  /** The gateway's process: after an upgrade it is another one than was started here. */
  async pid(): Promise<number> {
    return (await this.stage.status()).pid
  }

  /** Starts the gateway and waits until it listens. */
  async start(port = 0): Promise<void> {
    const args = [...this.#node.flags, bin, 'up', '--port', String(port), '--admin-port', '0', '--json']
    const child = spawn(process.execPath, args, { cwd: this.#dir, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
    const ended = once(child, 'close').then(() => {
      throw new CommandError(`The gateway of the drill ended: ${said}`)
    })
    ended.catch(() => {})
    const lines = createInterface({ input: child.stdout })
    const listening = new Promise<void>((resolve) => {
      lines.on('line', (line) => {
        if (line.includes('"event":"listening"')) resolve()
        this.#node.said(line)
      })
    })
    await Promise.race([listening, ended])
  }

  /** The process that ends the fleet if the gateway dies and none follows. */
  async guardian(): Promise<number | null> {
    const [gateway, { stdout }] = await Promise.all([this.pid(), list('ps', ['-A', '-o', 'pid=,ppid=,args='])])
    const lines = stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const found = lines.find(([, parent, ...args]) => Number(parent) === gateway && args.includes('word'))
    return found === undefined ? null : Number(found[0])
  }

  /** Puts a new version into `apps/`, whole, by one rename; null is a good one. */
  async put(fault: Fault | null): Promise<string> {
    const version = `v${++this.#versions}`
    const app: DrillApp = { version, boot: this.#boot, posts: this.posts, fault }
    const file = join(this.#dir, `${name}.next`)
    await writeFile(file, drillApp(app))
    await chmod(file, 0o755)
    await rename(file, join(this.#dir, 'apps', `${name}.cjs`))
    return version
  }

  /** Numbers of the POSTs that reached the app, as often as they did. */
  async delivered(): Promise<readonly number[]> {
    const text = await readFile(this.posts, 'utf8').catch(() => '')
    return text.split('\n').filter(Boolean).map(Number)
  }

  /** SIGKILL to the gateway, without a word of warning. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    const pid = await this.pid()
    process.kill(pid, 'SIGKILL')
    if (pid !== child.pid) {
      // Who handed over to it waits for its end, and goes with it.
      const late = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await gone
      clearTimeout(late)
    } else await gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'close')
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await gone
      clearTimeout(late)
    }
    await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 })
  }
}
