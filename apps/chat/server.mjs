// A chat room: a page, a WebSocket, and the last messages in memory. No dependencies.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { acceptWebSocket, refuse } from './websocket.mjs'

const host = process.env.HOST || '127.0.0.1'
const port = Number(process.env.PORT || 3000)
const page = readFileSync(new URL('page.html', import.meta.url), 'utf8')

const MAX_PEERS = 200
const MAX_HISTORY = 50
const MAX_TEXT = 500 // characters

/** Who is here: the peer and the name it goes by. */
const peers = new Map()
const history = []

const server = createServer((request, response) => {
  const path = String(request.url).split('?')[0]
  if (path !== '/') {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('The chat is at /, its WebSocket at /ws.\n')
    return
  }
  // The page must link right under /chat/, under /chat and under chat.localhost: <base> is the one place for it.
  const base = `${String(request.headers['x-forwarded-prefix'] || '')}/`
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
  response.end(page.replace('{{base}}', () => base.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)))
})

server.on('upgrade', (request, socket, head) => {
  const refusal = refusalOf(request)
  const peer = refusal ? refuse(socket, refusal) : acceptWebSocket(request, socket, head, { maxMessage: 4 * 1024 })
  if (peer) join(peer, String(request.headers['x-auth-subject'] || 'guest'))
})

server.keepAliveTimeout = 65_000
server.listen(port, host, () => console.log(`chatting on http://${host}:${server.address().port}`))

process.on('SIGTERM', () => {
  server.close()
  if (server.closeIdleConnections) server.closeIdleConnections()
  // 1012 = service restart: the page knows that it is worth coming back at once.
  for (const peer of peers.keys()) peer.close(1012, 'restarting')
  setTimeout(() => process.exit(0), 3_000).unref()
})

function refusalOf(request) {
  if (String(request.url).split('?')[0] !== '/ws') return '404 Not Found'
  if (!isOwnPage(request)) return '403 Forbidden'
  return peers.size < MAX_PEERS ? null : '503 Service Unavailable'
}

/**
 * Browsers let any page open a WebSocket to anywhere and send the cookies along, so a server that cares whose page
 * it is must look at Origin. Programs send none.
 */
function isOwnPage(request) {
  const { origin } = request.headers
  if (origin === undefined) return true
  const own = request.headers['x-forwarded-host'] || request.headers.host
  try {
    return new URL(origin).host === String(own).toLowerCase()
  } catch {
    return false
  }
}

/** The subject is vouched for by the gateway; the nickname is only what somebody likes to be called. */
function join(peer, subject) {
  peers.set(peer, subject)
  for (const message of history) peer.send(message)
  tellCount()
  peer.onMessage = (message) => {
    const { nick, text } = parse(message)
    if (text === '') return
    const line = JSON.stringify({ nick, subject, text, at: Date.now() })
    history.push(line)
    if (history.length > MAX_HISTORY) history.shift()
    tellAll(line)
  }
  peer.onClose = () => {
    peers.delete(peer)
    tellCount()
  }
}

function parse(message) {
  try {
    const { nick, text } = JSON.parse(String(message))
    return { nick: clean(nick, 24), text: clean(text, MAX_TEXT) }
  } catch {
    return { nick: '', text: '' }
  }
}

function clean(value, max) {
  return typeof value === 'string' ? value.trim().slice(0, max) : ''
}

function tellAll(line) {
  for (const peer of peers.keys()) peer.send(line)
}

function tellCount() {
  tellAll(JSON.stringify({ here: peers.size }))
}
