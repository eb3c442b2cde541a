import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { exactListeners, isStillHeld, ownedListeners, parseLsof, parseTcp } from '../../src/supervisor/listeners.ts'

test('/proc/net/tcp is read: addresses in little endian words, ports in hexadecimal, listeners only', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 00000000a988fe03 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000 100 0 0 10 0
   2: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 20 4 30 10 -1
`
  assert.deepEqual(parseTcp(text), [
    { host: '127.0.0.1', port: 8080, inode: 4711 },
    { host: '0.0.0.0', port: 80, inode: 4712 },
  ])
})

test('/proc/net/tcp6 is read: the wildcard, the loopback, IPv4-mapped and others', () => {
  const line = (address: string): string =>
    ` 0: ${address}:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 7 1 0 100 0 0 10 0`
  const hosts = [
    '00000000000000000000000000000000',
    '00000000000000000000000001000000',
    '0000000000000000FFFF00000100007F',
    '0000000000000000FFFF000000000000',
    '000080FE00000000FF005E02FE010000',
  ].map((address) => parseTcp(line(address))[0]?.host)
  assert.deepEqual(hosts.slice(0, 4), ['::', '::1', '127.0.0.1', '0.0.0.0'])
  assert.match(hosts[4] ?? '', /^fe80::/)
})

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { size: 'max', maxLength: 40 }), (lines) => {
      parseTcp(lines.join('\n'))
      parseLsof(lines.join('\n'))
    }),
  )
})

test('lsof output is read, for both families', () => {
  const text =
    'p123\nf20\ntIPv4\nn127.0.0.1:3000\nf21\ntIPv6\nn*:3001\np124\nf3\ntIPv6\nn[::1]:3002\nf4\ntIPv4\nn*:3003\n'
  assert.deepEqual(
    parseLsof(text).map(({ pid, host, port }) => [pid, host, port]),
    [
      [123, '127.0.0.1', 3000],
      [123, '::', 3001],
      [124, '::1', 3002],
      [124, '0.0.0.0', 3003],
    ],
  )
})

test('our own listeners are found by PID, and the proof of one ends with it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const found = (await ownedListeners([process.pid])).filter((socket) => socket.port === port)
  assert.equal(found.length, 1)
  const [owned] = found
  assert.ok(owned)
  assert.equal(owned.host, '127.0.0.1')
  assert.notEqual(isStillHeld(owned), false)
  await new Promise((resolve) => server.close(resolve))
  assert.notEqual(isStillHeld(owned), true)
  assert.deepEqual(await ownedListeners([]), [])
})

test('of many listeners none is missed, and those on the very address are found by it', async (t) => {
  const servers = Array.from({ length: 60 }, (_, i) =>
    createServer().listen(0, i % 3 === 0 ? '0.0.0.0' : i % 3 === 1 ? '127.0.0.1' : '127.0.0.2'),
  )
  t.after(() => servers.forEach((server) => server.close()))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const bound = servers.map((server) => server.address() as AddressInfo)
  const ours = await ownedListeners([process.pid])
  const found = new Set(ours.map(({ host, port }) => `${host} ${port}`))
  const inodes = new Set(ours.map(({ inode }) => inode))
  // The kernel may give one number on two addresses.
  const there = new Set(bound.flatMap(({ address, port }) => (address === '127.0.0.1' ? [port] : [])))
  for (const { address, port } of bound) {
    assert.ok(found.has(`${address} ${port}`), `${address} ${port}`)
    // Somebody else may listen on this address where we have the port of another.
    const exact = exactListeners('127.0.0.1', port)?.filter(({ inode }) => inodes.has(inode)) ?? null
    // Only Linux tells without another process.
    if (exact !== null) assert.equal(exact.length, there.has(port) ? 1 : 0)
  }
})
