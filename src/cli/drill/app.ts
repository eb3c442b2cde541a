/** What is wrong with a version. */
export type Fault = 'exits' | 'deaf' | 'errors' | 'crashes'

export interface DrillApp {
  /** Told at `/`, and what makes two versions two. */
  readonly version: string
  /** Milliseconds before it listens. */
  readonly boot: number
  /** Where it writes down every POST it gets, a line each. */
  readonly posts: string
  readonly fault: Fault | null
}

/** The app of a drill: a small server for `node`, that says which version it is and counts what reaches it. */
export function drillApp(app: DrillApp, node: string = process.execPath): string {
  // No first line can name an interpreter with a space in its path, or with a long one. The second is for sh and for Node.
  return `#!/bin/sh
':' //; exec ${quoted(node)} "$0" "$@"
const app = ${JSON.stringify(app)}
${body}`
}

const body = `const { createHash } = require('node:crypto')
const { appendFileSync } = require('node:fs')
const { createServer } = require('node:http')

const answer = (request, response) => {
  request.resume()
  if (request.method === 'POST') appendFileSync(app.posts, request.headers['x-drill'] + '\\n')
  if (request.url.startsWith('/flood')) {
    const line = 'x'.repeat(1023) + '\\n'
    let left = 20_000
    const pour = () => {
      while (left-- > 0) if (!process.stdout.write(line)) return process.stdout.once('drain', pour)
    }
    pour()
  }
  response.statusCode = app.fault === 'errors' ? 500 : 200
  if (request.url.startsWith('/events')) {
    response.setHeader('content-type', 'text/event-stream')
    response.write('data: ' + app.version + '\\n\\n')
    return
  }
  response.end(app.version + '\\n')
}

const open = (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write([...head, 'Sec-WebSocket-Accept: ' + accept, '', ''].join('\\r\\n'))
  socket.write(Buffer.concat([Buffer.from([0x81, app.version.length]), Buffer.from(app.version)]))
  socket.on('data', (data) => data[0] === 0x88 && socket.end(Buffer.from([0x88, 0])))
  socket.on('error', () => {})
}

if (app.fault === 'exits') {
  console.error('this version cannot start')
  process.exit(1)
}
setTimeout(() => {
  if (app.fault === 'deaf') return setInterval(() => {}, 1_000)
  createServer(answer).on('upgrade', open).listen(Number(process.env.PORT), process.env.HOST)
  if (app.fault === 'crashes') setTimeout(() => process.exit(3), 1_000)
}, app.boot)
process.on('SIGTERM', () => process.exit(0))
`

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
