import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import { patience, within } from './wait.ts'

/** Whether this machine has ::1: many containers have not. */
export const hasIpv6: boolean = Object.values(os.networkInterfaces()).some((list) => {
  return list?.some(({ address }) => address === '::1')
})

/** What a request needs to know of a gateway. */
export interface Door {
  readonly port: number
  readonly token: string
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Buffer
  /** Another token than the gateway's, or null for none. */
  readonly token?: string | null
  /** The Host field; `localhost:PORT` by default. We always connect to 127.0.0.1. */
  readonly host?: string
  readonly agent?: http.Agent
  /** Of the whole exchange; `patience` by default. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  json(): unknown
}

/** One whole exchange. The path is sent exactly as given. */
export async function ask(door: Door, path: string, options: AskOptions = {}): Promise<Answer> {
  const late = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal
  const exchange = async (): Promise<Answer> => {
    const response = await open(door, path, { ...options, signal })
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces).toString()
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body,
      json: () => JSON.parse(body) as unknown,
    }
  }
  const answer = exchange()
  try {
    return await within(answer, options.timeout ?? patience, `the answer to ${options.method ?? 'GET'} ${path}`)
  } finally {
    answer.catch(() => {})
    late.abort()
  }
}

/** Sends a request and gives the response as soon as its head is there. */
export async function open(door: Door, path: string, options: AskOptions = {}): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = begin(door, path, options)
    request.on('response', resolve).on('error', reject)
    request.end(options.body)
  })
}

/** A request whose body the test writes itself. */
export function begin(door: Door, path: string, options: AskOptions = {}): http.ClientRequest {
  const token = options.token === undefined ? door.token : options.token
  return http.request({
    host: '127.0.0.1',
    port: door.port,
    path,
    method: options.method ?? 'GET',
    agent: options.agent ?? false,
    headers: {
      host: options.host ?? `localhost:${door.port}`,
      ...(token === null ? {} : { 'x-api-token': token }),
      ...options.headers,
    },
    ...(options.signal ? { signal: options.signal } : {}),
  })
}

/** Writes bytes to a port and gives everything that comes back until the other side closes or falls silent. */
export async function rawRequest(port: number, bytes: string | Buffer, silence = 1_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.setTimeout(silence, () => socket.destroy())
    socket.on('data', (text: string) => (received += text))
    socket.on('error', (error) => (received === '' ? reject(error) : undefined))
    socket.on('close', () => resolve(received))
  })
}

/** Whether anybody accepts connections on a port of 127.0.0.1. */
export async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
