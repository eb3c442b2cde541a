import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { readProc } from '../../src/lib/proc.ts'
import { parseMarker } from '../../src/supervisor/process-table.ts'

const skip = process.platform !== 'linux' && 'there is no /proc'

test('a look at many processes makes no buffers', { skip }, () => {
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 200; i++) assert.match(readProc('/proc/self/stat'), /^\d+ \(/)
  const made = process.memoryUsage().arrayBuffers - before
  assert.ok(made < 1024 * 1024, `${made} bytes`)
})

test('bytes that are no UTF-8 leave what stands beside them as it is', { skip }, async () => {
  const script = `X=$(printf '\\377\\342\\202') QUAYMASTER_INSTANCE=0123abcd exec sh -c 'echo; read line'`
  const child = spawn('env', ['-i', 'sh', '-c', script], { stdio: 'pipe' })
  await once(child.stdout, 'data')
  const environ = readProc(`/proc/${child.pid}/environ`)
  child.stdin.end()
  await once(child, 'close')
  assert.match(environ, /X=\u{fffd}/u)
  assert.equal(parseMarker(environ), '0123abcd')
})
