import { createWriteStream } from 'node:fs'
import http from 'node:http'
import httpProxy from 'http-proxy-3'

import { appNames } from './peer.ts'

/**
 * A gateway as one writes it with http-proxy-3: `http-proxy-3.ts PORT UPSTREAM APPS TOKEN [LOGFILE]`.
 */
const [port, upstream, apps, token, logFile] = process.argv.slice(2)

const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new http.Agent({ keepAlive: true, maxFreeSockets: 1024 }),
  xfwd: true,
})
proxy.on('error', (_error, _request, response) => void response.destroy())

const known = new Set(appNames(Number(apps)))
const log = logFile === undefined ? null : createWriteStream(logFile)

/** Whether the request is welcome; strips its prefix. */
function admit(request: http.IncomingMessage): number {
  if (request.headers['x-api-token'] !== token) return 401
  const [, api, app = '', ...rest] = (request.url ?? '/').split('/')
  if (api !== 'api' || !known.has(app)) return 404
  request.url = `/${rest.join('/')}`
  return 200
}

const server = http.createServer((request, response) => {
  const { method, url } = request
  const from = performance.now()
  if (log) {
    response.once('finish', () => {
      const took = (performance.now() - from).toFixed(3)
      log.write(
        `${new Date().toISOString()} ${request.socket.remoteAddress} ${method} ${url} ${response.statusCode} ${took}\n`,
      )
    })
  }
  const status = admit(request)
  if (status === 200) proxy.web(request, response)
  else response.writeHead(status).end()
})
server.on('upgrade', (request, socket, head) => {
  if (admit(request) === 200) proxy.ws(request, socket, head)
  else socket.destroy()
})
server.keepAliveTimeout = 3_600_000
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
