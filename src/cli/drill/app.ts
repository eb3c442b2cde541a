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

/** The app of a drill: a small server for this very Node, that says which version it is and counts what reaches it. */
export function drillApp(app: DrillApp): string {
  return `#!${process.execPath}
const app = ${JSON.stringify(app)}
${body}`
}

const body = `const { appendFileSync } = require('node:fs')
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

if (app.fault === 'exits') {
  console.error('this version cannot start')
  process.exit(1)
}
setTimeout(() => {
  if (app.fault === 'deaf') return setInterval(() => {}, 1_000)
  createServer(answer).listen(Number(process.env.PORT), process.env.HOST)
  if (app.fault === 'crashes') setTimeout(() => process.exit(3), 1_000)
}, app.boot)
process.on('SIGTERM', () => process.exit(0))
`
