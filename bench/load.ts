import { firstLine, type Running, start } from './processes.ts'

/** One line of the load generator. Times in µs, CPU time of the gateway's processes in µs. */
export interface Line {
  readonly kind: string
  readonly done: number
  readonly errors: number
  readonly bytes: number
  readonly seconds: number
  readonly user: number
  readonly system: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface Held extends AsyncDisposable {
  /** Closes the connections and says how many were lost. */
  close(): Promise<Line>
}

/** The load generator, pinned to CPU 0. */
export class Load implements AsyncDisposable {
  readonly #file: string
  readonly #running = new Set<Running>()

  constructor(file: string) {
    this.#file = file
  }

  /** Runs a mode to its end. */
  async run(mode: string, flags: Flags, pids: readonly number[] = []): Promise<Line[]> {
    await using running = this.#start(mode, flags, pids)
    return await lines(running)
  }

  /** Opens connections and keeps them until told; resolves when all are open. */
  async hold(mode: 'idle' | 'tunnels', flags: Flags): Promise<Held> {
    const running = this.#start(mode, flags, [])
    const rest = lines(running)
    rest.catch(() => {})
    try {
      await firstLine(running, (line) => (line.includes('"open"') ? line : null))
    } catch (error) {
      await running[Symbol.asyncDispose]()
      throw error
    }
    return {
      async close() {
        running.child.stdin?.end()
        const last = (await rest).at(-1)
        if (!last) throw new Error(`The load generator said nothing; ${running.complaint()}`)
        return last
      },
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    }
  }

  /** Ends what runs; whoever waits for it is told by an error. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running[Symbol.asyncDispose]()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #start(mode: string, flags: Flags, pids: readonly number[]): Running {
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
    const running = start(this.#file, [mode, ...args, ...pids.flatMap((pid) => ['--pid', String(pid)])], { cpu: 0 })
    this.#running.add(running)
    running.child.once('exit', () => this.#running.delete(running))
    return running
  }
}

export type Flags = Readonly<Record<string, string | number>>

function lines(running: Running): Promise<Line[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Line[]>()
  let text = ''
  running.child.stdout?.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  running.child.once('close', (code) => {
    if (code !== 0) reject(new Error(running.complaint().trim() || `The load generator ended with ${code}`))
    else
      resolve(
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Line),
      )
  })
  return promise
}
