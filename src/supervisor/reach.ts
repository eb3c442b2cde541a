import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Address } from '../model/protocol.ts'
import { isOurs, messageOf, reasonOf } from './errno.ts'

/** Null when a connection was accepted, else why not. Rejects when the deadline passes. */
export async function tryConnect(address: Address, deadline: AbortSignal): Promise<string | null> {
  for (;;) {
    const refusal = await tryOnce(address, deadline)
    if (refusal !== crowded) return refusal
    await delay(20, undefined, { signal: deadline })
  }
}

/** What a Unix socket says whose backlog is full; TCP has one wait. Somebody listens, and is busy. */
const crowded = 'EAGAIN'

function tryOnce(address: Address, deadline: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    deadline.throwIfAborted()
    const socket = connect(to(address))
    const abort = (): void => finish(() => reject(new Error('aborted')))
    const finish = (settle: () => void): void => {
      deadline.removeEventListener('abort', abort)
      socket.destroy()
      settle()
    }
    deadline.addEventListener('abort', abort, { once: true })
    socket.once('connect', () => {
      // In the range of outgoing ports TCP may connect a socket to itself (RFC 9293 section 3.5): nobody listens then.
      const itself =
        address.path === undefined &&
        socket.localPort === socket.remotePort &&
        socket.localAddress === socket.remoteAddress
      finish(() => resolve(itself ? refused : null))
    })
    socket.once('error', (error) =>
      finish(() => {
        if (reasonOf(error) === crowded) resolve(crowded)
        else if (isOurs(error)) reject(error)
        else resolve(absent.has(reasonOf(error)) ? refused : messageOf(error))
      }),
    )
  })
}

export const refused: string = 'connection refused'

/** ENOENT is a Unix socket that was not bound yet. */
const absent: ReadonlySet<string | null> = new Set(['ECONNREFUSED', 'ENOENT'])

function to({ host, port, path }: Address): { path: string } | { host: string; port: number } {
  return path === undefined ? { host, port } : { path }
}

/** The status of the answer to one GET. Redirects are an answer like any other. */
export async function get(address: Address, path: string, deadline: AbortSignal, method = 'GET'): Promise<number> {
  for (;;) {
    try {
      return await getOnce(address, path, deadline, method)
    } catch (error) {
      if (deadline.aborted || reasonOf(error) !== crowded) throw error
      await delay(20, undefined, { signal: deadline })
    }
  }
}

function getOnce(address: Address, path: string, deadline: AbortSignal, method: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        ...(address.path === undefined ? to(address) : { socketPath: address.path }),
        path,
        method,
        agent: false,
        signal: deadline,
        setDefaultHeaders: false,
        headers: { Host: 'localhost', 'User-Agent': 'Quaymaster-Probe', Accept: '*/*', Connection: 'close' },
      },
      (response) => {
        // Read to its end, so that the app is not told of a broken connection; the deadline ends an endless one.
        response.on('error', () => {}).resume()
        resolve(response.statusCode ?? 0)
      },
    )
    asked.once('error', (error) =>
      reject(
        deadline.aborted ? error : new Error(`no answer to ${method} ${path}: ${messageOf(error)}`, { cause: error }),
      ),
    )
    asked.end()
  })
}

export async function speaksHttp(address: Address, deadline: AbortSignal): Promise<boolean> {
  return get(address, '/', AbortSignal.any([deadline, AbortSignal.timeout(500)]), 'HEAD').then(
    () => true,
    () => false,
  )
}
