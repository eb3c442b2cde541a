import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { socketFile } from './socket-file.ts'
import { withShortPath } from './short-path.ts'

export interface Answer {
  readonly status: number
  readonly text: string
}

/** One request to the gateway that owns a state folder. `path` is below `/api/v1`. Rejects when nobody answers. */
export async function request(
  stateDir: string,
  method: 'GET' | 'POST',
  path: string,
  { timeout = 0, body = null }: { readonly timeout?: number; readonly body?: Readable | null } = {},
): Promise<Answer> {
  const response = await open(stateDir, method, path, timeout, body)
  response.setEncoding('utf8')
  let text = ''
  for await (const piece of response) text += String(piece)
  return { status: response.statusCode ?? 0, text }
}

/** The same, with the body still to be read. `timeout` in milliseconds, 0 for none, is for the time without any byte. */
export async function open(
  stateDir: string,
  method: 'GET' | 'POST',
  path: string,
  timeout = 0,
  body: Readable | null = null,
): Promise<IncomingMessage> {
  return withShortPath(socketFile(stateDir), async (socketPath) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const call = httpRequest({
      socketPath,
      method,
      path: `/api/v1${path}`,
      headers: { host: 'localhost' },
      agent: false,
    })
    if (timeout > 0) call.setTimeout(timeout, () => call.destroy(new Error(`no answer within ${timeout} ms`)))
    call.once('response', resolve).once('error', reject)
    if (body === null) call.end()
    else body.once('error', (error) => call.destroy(error)).pipe(call)
    return promise
  })
}
