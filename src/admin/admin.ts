import { isIP, type AddressInfo, type Server } from 'node:net'
import { StartError } from '../lib/start-error.ts'
import type { Control } from './control.ts'
import { closeServer, serveLazily, type Fetch } from './serve.ts'

export interface AdminOptions {
  /** Default of the product: `127.0.0.1`. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly control: Control
  /** Whether a token may do everything. Compares in constant time. */
  readonly authorise: (token: string) => boolean
}

export interface Admin extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** The admin listener: an origin of its own, so that no app behind the gateway shares one with it. */
export async function openAdmin(options: AdminOptions): Promise<Admin> {
  const { journal } = options.control
  const tell = (message: string): void => journal.write({ type: 'notice', level: 'warn', message })
  const server = serveLazily(() => loadAdmin(options), tell)
  await listen(server, options)
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | null = null
  return {
    port,
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    [Symbol.asyncDispose]: () => (closed ??= closeServer(server)),
  }
}

async function loadAdmin({ host, control, authorise }: AdminOptions): Promise<Fetch> {
  const [{ Hono }, { createApi }, { page, pageHeaders }, { problem }] = await Promise.all([
    import('hono'),
    import('./api.ts'),
    import('./page/page.ts'),
    import('./problem.ts'),
  ])
  const app = new Hono()
  app.use(async (c, next) => {
    if (isOurs(c.req.header('host'), host)) return next()
    return problem(421, 'This is the admin listener. Ask it by the name or address it was given, such as localhost.')
  })
  app.use('/api/*', async (c, next) => {
    const token = tokenOf(c.req.header('x-api-token'), c.req.header('authorization'))
    if (token !== null && authorise(token)) return next()
    const why = token === null ? 'A token is needed' : 'This token is not known, or is limited to some apps'
    return problem(401, `${why}. Send one by Authorization: Bearer or X-API-Token; quaymaster token prints yours.`, {
      'WWW-Authenticate': 'Bearer realm="quaymaster"',
    })
  })
  app.route('/api/v1', createApi(control))
  app.get('/', () => new Response(page, { headers: pageHeaders }))
  app.notFound((c) => problem(404, `There is no ${c.req.path} on the admin listener.`))
  return app.fetch
}

/**
 * Against DNS rebinding: a page of `evil.example` whose name suddenly leads to 127.0.0.1 still sends its own name. An
 * address in `Host` cannot be rebound to anything, so addresses pass.
 */
function isOurs(field: string | undefined, configured: string): boolean {
  const name = hostnameOf(field)
  if (name === null) return false
  return name === 'localhost' || name === configured.toLowerCase() || isIP(name) !== 0
}

function hostnameOf(field: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(field ?? '')
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null
}

function tokenOf(own: string | undefined, authorization: string | undefined): string | null {
  if (own !== undefined && own !== '') return own
  // RFC 9110 §11.1: the name of a scheme is case-insensitive.
  return /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? null
}

async function listen(server: Server, { host, port }: AdminOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen({ host, port, exclusive: true }, resolve)
  try {
    await promise
  } catch (error) {
    throw new StartError(explain(error as NodeJS.ErrnoException, host, port), 1, { cause: error })
  } finally {
    server.off('error', reject)
  }
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  const what = `Cannot open the admin listener on ${host}:${port}`
  if (error.code === 'EADDRINUSE') {
    return `${what}: the port is taken. Choose another with --admin-port N, or 0 for any free one.`
  }
  if (error.code === 'EACCES') {
    return `${what}: ports below 1024 need more rights. Choose another with --admin-port N.`
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return `${what}: this machine has no such address. Change admin.host in the configuration.`
  }
  return `${what}: ${error.message}.`
}
