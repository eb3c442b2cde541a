import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { open, request, type Answer } from '../admin/request.ts'
import { CommandError } from './fail.ts'

/** One request to the running gateway; everything that is not a 2xx becomes a sentence. */
export async function ask<T>(stateDir: string, method: 'GET' | 'POST', path: string, body?: Readable): Promise<T> {
  const { status, text } = await request(stateDir, method, path, body && { body }).catch((error: unknown) =>
    explain(stateDir, error),
  )
  if (status >= 200 && status < 300) return JSON.parse(text) as T
  throw refusal({ status, text })
}

/** The same with a body that is read as it comes. */
export async function stream(stateDir: string, path: string): Promise<IncomingMessage> {
  const response = await open(stateDir, 'GET', path).catch((error: unknown) => explain(stateDir, error))
  if (response.statusCode === 200) return response
  let text = ''
  for await (const piece of response.setEncoding('utf8')) text += String(piece)
  throw refusal({ status: response.statusCode ?? 0, text })
}

export function noGateway(stateDir: string): CommandError {
  return new CommandError(`No gateway is running here (state folder ${stateDir}). Start one with: quaymaster up`)
}

function explain(stateDir: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') throw noGateway(stateDir)
  if (code === 'EACCES' || code === 'EPERM') {
    throw new CommandError(`The gateway of state folder ${stateDir} belongs to another user.`)
  }
  if (code === 'ECONNRESET') throw new CommandError('The gateway ended before it had answered.')
  throw new CommandError(`Cannot reach the gateway of state folder ${stateDir}: ${message}.`)
}

function refusal({ status, text }: Answer): CommandError {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return new CommandError(detail)
  } catch {
    // Not ours, then: told by its status.
  }
  return new CommandError(`The gateway answered with status ${status}.`)
}
