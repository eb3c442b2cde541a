#!/usr/bin/env node
// Says hello to whoever is logged in and shows what an app is given. All an app has to do is in here:
// serve HTTP on HOST:PORT, make links with X-Forwarded-Prefix, finish what is open on SIGTERM.
import { createServer } from 'node:http'

const env = process.env
const given = ['HOST', 'PORT', 'QUAYMASTER_APP', 'QUAYMASTER_RUN', 'PUBLIC_URL', 'BASE_PATH', 'GREETING']
let stopping = false

const server = createServer((request, response) => {
  // Whoever keeps a connection open learns with the last answer that it ends.
  if (stopping) response.setHeader('Connection', 'close')
  response.setHeader('Vary', 'Accept')
  const asHtml = String(request.headers.accept).includes('text/html')
  response.setHeader('Content-Type', asHtml ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8')
  response.end(asHtml ? page(request) : text(request))
})

// Longer than any gateway keeps an idle connection, so that it is never we who hang up in the middle of a reuse.
server.keepAliveTimeout = 65_000

server.listen(Number(env.PORT || 3000), env.HOST || '127.0.0.1', () => {
  console.log(`listening on http://${env.HOST || '127.0.0.1'}:${server.address().port}, on Node ${process.version}`)
})

process.on('SIGTERM', () => {
  stopping = true
  server.close()
  // Since Node 18.2. Older ones wait for connections to time out, and a connection that never said a word is not
  // idle to any of them: hence the deadline.
  if (server.closeIdleConnections) server.closeIdleConnections()
  setTimeout(() => process.exit(0), 2_000).unref()
})

/** @param {import('node:http').IncomingMessage} request */
function text(request) {
  return [greeting(request), '', ...facts(request).map(([name, value]) => `${name.padEnd(20)} ${value}`), ''].join('\n')
}

/** @param {import('node:http').IncomingMessage} request */
function page(request) {
  const rows = facts(request).map(([name, value]) => `<tr><th>${escape(name)}<td>${escape(value)}`)
  // Reached as /hello/ there is a prefix, reached as hello.localhost there is none: only the request knows.
  const home = `${String(request.headers['x-forwarded-prefix'] || '')}/`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>hello</title>
<style>body{font:1rem/1.5 system-ui;margin:3rem auto;max-width:44rem;padding:0 1rem}
th{text-align:left;padding-right:2rem;font-weight:500}td{font-family:ui-monospace,monospace;overflow-wrap:anywhere}</style>
<h1>${escape(greeting(request))}</h1>
<table>${rows.join('\n')}</table>
<p><a href="${escape(home)}">Again</a>`
}

/** @param {import('node:http').IncomingMessage} request */
function greeting(request) {
  return `${env.GREETING || 'Hello'}, ${request.headers['x-auth-subject'] || 'stranger'}!`
}

/**
 * What this process got from its environment, then what this request brought along.
 * @param {import('node:http').IncomingMessage} request
 */
function facts(request) {
  const fromEnv = given.filter((name) => env[name] !== undefined).map((name) => [name, String(env[name])])
  const fromRequest = Object.entries(request.headers)
    .filter(([name]) => name.startsWith('x-') || name === 'traceparent')
    .map(([name, value]) => [name, String(value)])
  return [['request', `${request.method} ${request.url}`], ['pid', String(process.pid)], ...fromEnv, ...fromRequest]
}

/** @param {string} value */
function escape(value) {
  return value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
