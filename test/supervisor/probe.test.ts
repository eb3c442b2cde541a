import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { describe, whoAnswers } from '../../src/supervisor/probe.ts'
import type { ProbeResult } from '../../src/model/protocol.ts'
import { isStopped } from '../../src/supervisor/vitals.ts'
import { hasIpv6 } from '../support/http.ts'
import { eventually } from '../support/wait.ts'
import { type ProbeWish, Stage } from './stage.ts'

/** `node listen.cjs HOST PORT [STATUS]`, `$PORT` by default. */
const app = `
const [host, port, status = 200] = process.argv.slice(2)
require('node:http').createServer((q, s) => {
  if (q.url === '/hang') return
  if (q.url === '/host') s.statusCode = q.headers.host === 'localhost' ? 200 : 421
  else s.statusCode = +status
  if (s.statusCode === 302) s.setHeader('location', '/elsewhere')
  s.end('hello')
}).listen({ host, port: +(port || process.env.PORT), ipv6Only: host === '::1' })
`

async function open(): Promise<Stage & { listen(words: string): number }> {
  const stage = await Stage.open()
  const file = await stage.file('listen.cjs', app)
  return Object.assign(stage, { listen: (words: string) => stage.spawn(`exec node ${file} ${words}`) })
}

test('an app that listens where it was told to is ready there, without a note', async () => {
  await using stage = await open()
  const late = stage.spawn('sleep 30')
  const { port: unused } = await stage.spawned(late)
  assert.deepEqual(await stage.probe(late), { ok: false, reason: `not listening on PORT=${unused} yet`, signs: null })
  const run = stage.listen('127.0.0.1')
  const { port } = await stage.spawned(run)
  const ready = { ok: true, address: { host: '127.0.0.1', port }, note: null }
  assert.deepEqual(await stage.settled(run), ready)
  const alive = await stage.probe(run, { purpose: 'liveness', address: ready.address })
  assert.deepEqual(alive, ready)
})

test('a listener of a grandchild counts as the app', async () => {
  await using stage = await open()
  const run = stage.spawn(`node ${stage.dir}/listen.cjs 127.0.0.1 & wait`)
  assert.equal((await stage.settled(run)).ok, true)
})

test('with a health path the status decides, redirects are not followed, and the host is localhost', async () => {
  await using stage = await open()
  const run = stage.listen("127.0.0.1 '' 302")
  await stage.settled(run)
  const path = '/healthz'
  assert.equal((await stage.probe(run, { path })).ok, true)
  const strict = await stage.probe(run, { path, status: [[200, 299]] })
  assert.deepEqual(strict, { ok: false, reason: 'answered 302 to GET /healthz', signs: null })
  assert.equal((await stage.probe(run, { path: '/host', status: [[200, 200]] })).ok, true)
  const hanging = await stage.probe(run, { path: '/hang', timeout: 200 })
  assert.deepEqual(hanging, { ok: false, reason: 'no answer within 200ms', signs: null })
})

test('an app that ignores PORT is found after two looks and routed to, with one explaining sentence', async () => {
  await using stage = await open()
  const run = stage.listen('127.0.0.1 0')
  const { port } = await stage.spawned(run)
  const result = await stage.settled(run)
  assert.ok(result.ok)
  const { address } = result
  assert.ok(address.host === '127.0.0.1' && address.port !== port, JSON.stringify(address))
  const note = `listens on port ${address.port} and ignores PORT=${port}; routed there`
  assert.deepEqual(result, { ok: true, address, note })
  assert.deepEqual(await stage.probe(run, { purpose: 'liveness', address }), result)
})

test('another port that does not speak HTTP is not taken for the app', async () => {
  await using stage = await open()
  const database = `require("net").createServer((s) => s.end("mysql")).listen(0, "127.0.0.1"); setTimeout(() => {
    require("http").createServer((q, s) => s.end()).listen(process.env.PORT, "127.0.0.1") }, 900)`
  const run = stage.spawn('', { file: process.execPath, args: ['-e', database] })
  const { port } = await stage.spawned(run)
  assert.deepEqual(await stage.settled(run), { ok: true, address: { host: '127.0.0.1', port }, note: null })
})

const skip = hasIpv6 ? false : 'this machine has no ::1'

test('an app on ::1 only is routed to there', { skip }, async () => {
  await using stage = await open()
  const run = stage.listen('::1')
  const { port } = await stage.spawned(run)
  const note = `listens on [::1]:${port} only, not on 127.0.0.1; routed there`
  assert.deepEqual(await stage.settled(run), { ok: true, address: { host: '::1', port }, note })
})

for (const host of ['0.0.0.0', '::']) {
  const options = { skip: host === '::' && skip }
  test(`an app on ${host} is ready, with a warning that it can be reached around the gateway`, options, async () => {
    await using stage = await open()
    const run = stage.listen(host)
    const { port } = await stage.spawned(run)
    const note = `listens on ${host}: reachable from the network without authentication; bind 127.0.0.1`
    assert.deepEqual(await stage.settled(run), { ok: true, address: { host: '127.0.0.1', port }, note })
  })
}

test('a stranger on the port of the app is never taken for it, neither before it is ready nor after', async () => {
  await using stage = await open()
  const run = stage.spawn('sleep 30')
  const { port } = await stage.spawned(run)
  await using _stranger = await occupy(port)
  const reason = `port ${port} is answered by a process that is not ours`
  assert.deepEqual(await stage.probe(run), { ok: false, reason, signs: null })
  const address = { host: '127.0.0.1', port }
  assert.equal(reasonOf(await stage.probe(run, { purpose: 'liveness', address })), reason)
})

test('a stranger who takes the port after the app closed its listener is noticed by the next liveness probe', async () => {
  await using stage = await open()
  const closing = `const s = require("http").createServer((q, r) => { s.close(); r.end() })
    s.listen(process.env.PORT, "127.0.0.1"); setInterval(() => {}, 1e4)`
  const run = stage.spawn('', { file: process.execPath, args: ['-e', closing] })
  const { port } = await stage.spawned(run)
  assert.equal((await stage.settled(run)).ok, true)
  await fetch(`http://127.0.0.1:${port}/`)
    .then((answer) => answer.arrayBuffer())
    .catch(() => {})
  const address = { host: '127.0.0.1', port }
  assert.equal(reasonOf(await stage.probe(run, { purpose: 'liveness', address })), 'connection refused')
  await using _stranger = await occupy(port)
  const found = await stage.probe(run, { purpose: 'liveness', address })
  assert.equal(reasonOf(found), `port ${port} is answered by a process that is not ours`)
})

test('an app that dies because of its port says so in its exit, one that quarrels about another port does not', async () => {
  await using stage = await open()
  const own = stage.spawn('sleep 0.3; echo "listen tcp 127.0.0.1:$PORT: bind: address already in use" >&2; exit 1')
  const other = stage.spawn('echo "Error: listen EADDRINUSE: address already in use 127.0.0.1:80" >&2; exit 1')
  assert.equal((await stage.exited(own)).portTaken, true)
  assert.equal((await stage.exited(other)).portTaken, false)
  const silent = stage.spawn('sleep 0.3; exit 1')
  await using _stranger = await occupy((await stage.spawned(silent)).port)
  assert.equal((await stage.exited(silent)).portTaken, true)
})

test('a probe of a run that ends meanwhile is not answered', async () => {
  await using stage = await open()
  const run = stage.spawn('sleep 30')
  await stage.spawned(run)
  const wish = { type: 'probe', run, purpose: 'readiness', after: 200, address: null, path: null } as const
  stage.processes.probe({ ...wish, status: [], timeout: 1_000, stall: 0 })
  stage.processes.kill(run)
  await stage.exited(run)
  await new Promise((resolve) => setTimeout(resolve, 300))
  // On a slow machine its turn may come before the end.
  const types = stage.reports.map(({ type }) => type)
  assert.deepEqual(types.slice(types.indexOf('exited')), ['exited'])
})

test('the most specific listener is the one that answers', () => {
  const sockets = ['::', '0.0.0.0', '127.0.0.1', '::1'].map((host) => ({ host, port: 80 }))
  const hosts = (from: typeof sockets, host: string): string[] =>
    whoAnswers(from, { host, port: 80 }).map((socket) => socket.host)
  assert.deepEqual(hosts(sockets, '127.0.0.1'), ['127.0.0.1'])
  assert.deepEqual(hosts(sockets, '::1'), ['::1'])
  assert.deepEqual(hosts(sockets.slice(0, 2), '127.0.0.1'), ['0.0.0.0'])
  assert.deepEqual(hosts(sockets.slice(0, 2), '::1'), ['::'])
  assert.deepEqual(hosts(sockets, '10.0.0.1'), ['0.0.0.0'])
  assert.deepEqual(whoAnswers(sockets, { host: '127.0.0.1', port: 81 }), [])
})

test('two peculiarities are told in one note', () => {
  const owned = { host: '0.0.0.0', port: 3000, inode: 1, pid: 2, link: null }
  const note = describe(owned, { host: '127.0.0.1', port: 3000 }, 20_000)
  assert.match(note ?? '', /^listens on port 3000 and ignores PORT=20000; routed there; listens on 0\.0\.0\.0: /)
})

async function occupy(port: number): Promise<AsyncDisposable> {
  const server: Server = createServer((_, answer) => answer.end('stranger'))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  assert.equal((server.address() as AddressInfo).port, port)
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a stopped process is noticed although the kernel accepts for it, and its state is told', async () => {
  await using stage = await open()
  const run = stage.listen('127.0.0.1')
  const { port, pid } = await stage.spawned(run)
  await stage.settled(run)
  const wish: ProbeWish = { purpose: 'liveness', address: { host: '127.0.0.1', port }, stall: 30_000 }
  assert.equal((await stage.probe(run, wish)).ok, true)
  process.kill(pid, 'SIGSTOP')
  await eventually(() => isStopped(pid), { what: 'it to stop, which it does when it is next given a processor' })
  assert.equal((await stage.probe(run, { ...wish, stall: 0 })).ok, true, 'without stall nobody looks')
  const found = await stage.probe(run, wish)
  assert.match(reasonOf(found) ?? '', /^it is stopped \(SIGSTOP\)/)
  const signs = found.ok ? null : found.signs
  assert.equal(signs?.silent, true)
  assert.match(
    signs?.vitals ?? '',
    /^stopped.*, \d+ threads?, \d+ open files, \d+ MB, [1-9]\d* connections? not yet acc/,
  )
  process.kill(pid, 'SIGCONT')
  assert.equal((await stage.probe(run, wish)).ok, true)
})

test('requests that nobody answers make an app be asked; one that answers the question is well', async () => {
  await using stage = await open()
  const run = stage.listen('127.0.0.1')
  const { port } = await stage.spawned(run)
  await stage.settled(run)
  const wish: ProbeWish = { purpose: 'liveness', address: { host: '127.0.0.1', port }, stall: 1_000, timeout: 150 }
  stage.traffic = { waiting: 5_000, quiet: 5_000, reads: 3 }
  assert.equal((await stage.probe(run, wish)).ok, true)
  const sleeper = stage.spawn(
    "exec python3 -c \"import os,socket,time; s=socket.create_server(('127.0.0.1',int(os.environ['PORT']))); time.sleep(60)\"",
  )
  const address = { host: '127.0.0.1', port: (await stage.spawned(sleeper)).port }
  await stage.settled(sleeper)
  const asleep: ProbeWish = { ...wish, address }
  const found = await stage.probe(sleeper, asleep)
  assert.equal(reasonOf(found), 'no byte of any answer for 5s, and none to HEAD / within 150ms')
  stage.traffic = { waiting: 5_000, quiet: 500, reads: 4 }
  assert.equal((await stage.probe(sleeper, asleep)).ok, true, 'others get bytes')
  stage.traffic = { waiting: 500, quiet: 5_000, reads: 4 }
  assert.equal((await stage.probe(sleeper, asleep)).ok, true, 'nobody has waited for long')
})

function reasonOf(result: ProbeResult): string | null {
  return result.ok ? null : result.reason
}
