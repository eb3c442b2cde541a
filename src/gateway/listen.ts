import { once } from 'node:events'
import type { AddressInfo, ListenOptions, Server } from 'node:net'

import type { ListeningSockets } from '../lib/running.ts'
import { StartError } from '../lib/start-error.ts'

/** How often a free port of one address family is tried on the other. */
const attempts = 20

export interface Place {
  readonly host: string
  readonly port: number
  readonly reusePort?: boolean | undefined
  /** Sockets that listen already: another process of ours opened them. */
  readonly inherited?: ListeningSockets | undefined
}

export interface Listening {
  readonly servers: readonly Server[]
  readonly port: number
}

/**
 * Listens on `host`; `localhost` is both 127.0.0.1 and, where the machine has it, ::1, because which one a client tries
 * first is not ours to know. Port 0 takes one that is free on both.
 */
export async function listen(
  create: () => Server,
  { host, port, reusePort = false, inherited }: Place,
): Promise<Listening> {
  if (inherited) {
    const servers = await Promise.all(inherited.descriptors.map((fd) => listenOn(create(), fd)))
    return { servers, port: inherited.port }
  }
  if (host !== 'localhost') {
    const server = create()
    return { servers: [server], port: await bind(server, { host, port, exclusive: true, reusePort }, host) }
  }
  for (let attempt = 1; ; attempt += 1) {
    const four = create()
    const taken = await bind(four, { host: '127.0.0.1', port, exclusive: true, reusePort }, host)
    const six = create()
    try {
      await bind(six, { host: '::1', port: taken, exclusive: true, reusePort }, host)
      return { servers: [four, six], port: taken }
    } catch (error) {
      const { code } = (error as { cause?: NodeJS.ErrnoException }).cause ?? {}
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'EINVAL')
        return { servers: [four], port: taken }
      four.close()
      if (port !== 0 || attempt === attempts) throw error
    }
  }
}

async function listenOn(server: Server, fd: number): Promise<Server> {
  server.listen({ fd, exclusive: true })
  await once(server, 'listening')
  return server
}

function bind(server: Server, options: ListenOptions & { port: number }, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new StartError(explain(cause, host, options.port), 1, { cause })),
    )
    server.listen(options, () => resolve((server.address() as AddressInfo).port))
  })
}

function explain({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `Cannot listen on ${host}:${port}`
  const change = 'choose another port with --port or `listen.port`'
  if (code === 'EADDRINUSE')
    return `${where}: another program is using port ${port}; stop it, or ${change} (0 takes a free one).`
  if (code === 'EACCES') return `${where}: ports below 1024 need privileges here; ${change}.`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${where}: this machine has no address "${host}"; set --host or \`listen.host\` to one it has, such as localhost.`
  return `${where}: ${message}; change --host or --port, \`listen.host\` or \`listen.port\`.`
}
