import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'

export type Fetch = (request: Request) => Response | Promise<Response>

/**
 * An HTTP server over a fetch function that is loaded when it is first needed: hono and its adapter take 100 ms to load,
 * which nobody should wait for who waits for their first app. Warmed up soon after, when the start is over. What cannot be
 * loaded, for want of a descriptor say, is tried again with the next request, and `tell` hears of it once.
 */
export function serveLazily(load: () => Promise<Fetch>, tell: (complaint: string) => void): Server {
  let listener: Promise<RequestListener> | null = null
  let isTold = false
  const listen = (): Promise<RequestListener> => {
    listener ??= makeListener(load).catch((error: unknown) => {
      listener = null
      const complaint = complaintAbout(error)
      if (!isTold) tell(complaint)
      isTold = true
      throw new Error(complaint, { cause: error })
    })
    return listener
  }
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 },
    (request: IncomingMessage, response: ServerResponse) => {
      listen().then(
        (answer) => answer(request, response),
        (error: unknown) => refuse(response, error instanceof Error ? error.message : ''),
      )
    },
  )
  server.maxConnections = 256
  const warmUp = setTimeout(() => void listen().catch(() => undefined), 2_000)
  warmUp.unref()
  server.once('close', () => clearTimeout(warmUp))
  return server
}

function complaintAbout(error: unknown): string {
  const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  return `The code that answers the operator cannot be loaded: ${why}. It is tried again with the next request.`
}

function refuse(response: ServerResponse, detail: string): void {
  const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', 'Retry-After': '1' }
  const body = { type: 'urn:quaymaster:error:unavailable', title: 'Service Unavailable', status: 503, detail }
  response.writeHead(503, headers).end(JSON.stringify(body))
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
