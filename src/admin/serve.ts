import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'

export type Fetch = (request: Request) => Response | Promise<Response>

/**
 * An HTTP server over a fetch function that is loaded when it is first needed: hono and its adapter take 100 ms to load,
 * which nobody should wait for who waits for their first app. Warmed up soon after, when the start is over.
 */
export function serveLazily(load: () => Promise<Fetch>): Server {
  let listener: Promise<RequestListener> | null = null
  const listen = (): Promise<RequestListener> => (listener ??= makeListener(load))
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 },
    (request: IncomingMessage, response: ServerResponse) => {
      listen().then(
        (answer) => answer(request, response),
        () => response.writeHead(500).end(),
      )
    },
  )
  server.maxConnections = 256
  const warmUp = setTimeout(() => void listen().catch(() => undefined), 2_000)
  warmUp.unref()
  server.once('close', () => clearTimeout(warmUp))
  return server
}

/** Ends a server and what still hangs on it; followers would otherwise keep it open for good. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  // An answer that is being written, such as that to `down`, gets a moment; a follower would take for ever.
  const timer = setTimeout(() => server.closeAllConnections(), 100)
  await promise
  clearTimeout(timer)
}

async function makeListener(load: () => Promise<Fetch>): Promise<RequestListener> {
  const [fetch, { getRequestListener }] = await Promise.all([load(), import('@hono/node-server')])
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false })
  return (request, response) => void answer(request, response)
}
