import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { StartError } from '../lib/start-error.ts'
import type { Control } from './control.ts'
import { awaitLock } from './lock.ts'
import { request } from './request.ts'
import { closeServer, serveLazily, type Fetch } from './serve.ts'
import { withShortPath } from './short-path.ts'
import { socketFile } from './socket-file.ts'
import { prepareStateFolder } from './state-folder.ts'

export interface ControlSocket extends AsyncDisposable {
  /** What had to be put right: one sentence each. */
  readonly notices: readonly string[]
  /** Whom the command line reaches from now on; until then its requests wait. */
  serve(control: Control): void
}

/**
 * Takes the state folder for this gateway and listens on its `control.sock`. Refuses with a StartError that names the
 * owner when there is one already. To be the first thing that is opened and the last that is closed: whoever has it may
 * touch everything in the folder.
 */
export async function openControlSocket(stateDir: string): Promise<ControlSocket> {
  const notice = await prepareStateFolder(stateDir)
  const lock = await awaitLock(stateDir).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError(`Cannot lock the state folder ${stateDir}: ${why}. Choose another with --state DIR.`)
  })
  if (!lock) throw new StartError(await describeOwner(stateDir))
  const file = socketFile(stateDir)
  const pidFile = join(stateDir, 'pid')
  const { promise: control, resolve: serve } = Promise.withResolvers<Control>()
  const load = async (): Promise<Fetch> => {
    const [given, { Hono }, { createApi }] = await Promise.all([control, import('hono'), import('./api.ts')])
    return new Hono().route('/api/v1', createApi(given)).fetch
  }
  const tell = (message: string): void => {
    void control.then(({ journal }) => journal.write({ type: 'notice', level: 'warn', message }))
  }
  const server = serveLazily(load, tell)
  let closed: Promise<void> | null = null
  const close = async (): Promise<void> => {
    await closeServer(server)
    // On a disk that has become read-only they stay: the lock tells that nobody is there.
    await rm(file, { force: true }).catch(() => {})
    await rm(pidFile, { force: true }).catch(() => {})
    lock[Symbol.dispose]()
  }
  try {
    await writeFile(pidFile, `${process.pid}\n`, { mode: 0o600 })
    // We have the lock, so whoever made this one is gone.
    await rm(file, { force: true })
    await withShortPath(file, (path) => listen(server, path))
    await chmod(file, 0o600)
  } catch (error) {
    await close()
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError(`Cannot listen on ${file}: ${why}.`, 1, { cause: error })
  }
  return {
    notices: notice === null ? [] : [notice],
    serve,
    [Symbol.asyncDispose]: () => (closed ??= close()),
  }
}

async function describeOwner(stateDir: string): Promise<string> {
  const owner = await askOwner(stateDir)
  const text = await readFile(join(stateDir, 'pid'), 'utf8').catch(() => '')
  const kept = /^\d+$/.test(text.trim()) ? text.trim() : 'unknown'
  const who = owner ? `PID ${owner.pid}, ${owner.url}` : `PID ${kept}`
  return `Quaymaster is already running here (${who}). Stop it with: quaymaster down`
}

/** What the owner says of itself, if it does so soon: it may just be starting, or hang. */
async function askOwner(stateDir: string): Promise<{ pid: number; url: string } | null> {
  try {
    const { text } = await request(stateDir, 'GET', '/status', { timeout: 1_500 })
    const { pid, url } = JSON.parse(text) as { pid?: unknown; url?: unknown }
    return typeof pid === 'number' && typeof url === 'string' ? { pid, url } : null
  } catch {
    return null
  }
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen(path, resolve)
  await promise
  server.off('error', reject)
}
