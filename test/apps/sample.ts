import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { accepts } from '../support/http.ts'
import { root } from '../support/folder.ts'
import { eventually, within } from '../support/wait.ts'

/** A sample app, started as anybody would start it by hand. */
export interface Sample extends AsyncDisposable {
  readonly port: number
  /** SIGTERM; the exit code. */
  terminate(): Promise<number | null>
}

export async function startSample(command: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Sample> {
  const port = await freePort()
  const [file = '', ...args] = command
  const child = spawn(path.resolve(root, file), args, {
    cwd: root,
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', ...env },
    stdio: 'ignore',
  })
  const gone = once(child, 'exit')
  const sample: Sample = {
    port,
    async terminate() {
      child.kill('SIGTERM')
      await within(gone, 8_000, `the end of ${file} after SIGTERM`)
      return child.exitCode
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
  await eventually(() => accepts(port), { what: `${file} listens on ${port}` })
  return sample
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
