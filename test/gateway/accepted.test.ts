import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'

import { startFront } from './kit.ts'

test(
  'a client that never speaks again is asked whether it is there, although nobody told its socket so',
  { skip: process.platform !== 'linux' && 'the timers of a socket are read from /proc' },
  async () => {
    await using front = await startFront()
    const wire = await front.wire()
    wire.send('GET /-/health HTTP/1.1\r\nHost: h\r\n\r\n')
    assert.equal((await wire.response()).status, 200)
    assert.equal(timerOf(front.port, wire.socket.localPort ?? 0), keepalive)
  },
)

/** What `proc_pid_net(5)` calls `tr`: the timer that runs for a socket. */
const keepalive = '02'

function timerOf(local: number, remote: number): string | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
  const rows = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n')
  const row = rows
    .map((line) => line.trim().split(/\s+/))
    .find(([, from, to]) => from?.endsWith(`:${hex(local)}`) && to?.endsWith(`:${hex(remote)}`))
  return row?.[5]?.slice(0, 2)
}
