import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { systemClock } from '../../src/lib/clock.ts'
import { Ports } from '../../src/supervisor/ports.ts'
import { accepts } from '../support/http.ts'
import { root } from '../support/folder.ts'
import { eventually, patience, within } from '../support/wait.ts'

/** A sample app, started as anybody would start it by hand. */
export interface Sample extends AsyncDisposable {
  readonly port: number
  /** SIGTERM; the exit code. */
  terminate(): Promise<number | null>
}

/** How often another port is tried: between the look and the start somebody else may take one. */
const attempts = 5

export async function startSample(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Sample> {
  const ports = new Ports(systemClock)
  for (let attempt = 1; ; attempt++) {
    const sample = await startOn(await ports.take(), command, env)
    if (sample !== null) return sample
    if (attempt === attempts) throw new Error(`${command.join(' ')} ended ${attempts} times before it listened`)
  }
}

/** Null when it ends before it listens. */
async function startOn(port: number, command: readonly string[], env: NodeJS.ProcessEnv): Promise<Sample | null> {
  const [file = '', ...args] = command
  const child = spawn(path.resolve(root, file), args, {
    cwd: root,
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', ...env },
    stdio: 'ignore',
  })
  const gone = once(child, 'exit')
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null
  const sample: Sample = {
    port,
    async terminate() {
      child.kill('SIGTERM')
      await within(gone, patience, `the end of ${file} after SIGTERM`)
      return child.exitCode
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
  try {
    await eventually(async () => isGone() || (await accepts(port)), { what: `${file} listens on ${port}` })
  } catch (error) {
    await sample[Symbol.asyncDispose]()
    throw error
  }
  return isGone() ? null : sample
}
