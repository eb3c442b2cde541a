import { spawn } from 'node:child_process'
import path from 'node:path'
import { systemClock } from '../src/lib/clock.ts'
import { Ports } from '../src/supervisor/ports.ts'
import { cleanEnvironment, fixtures } from '../test/support/folder.ts'
import { startGateway } from '../test/support/gateway.ts'
import { accepts } from '../test/support/http.ts'
import { end } from '../test/support/processes.ts'
import { eventually } from '../test/support/wait.ts'

/**
 * How long 60 apps take that are dropped at once, until each of them is ready, beside the same 60 programs started by a
 * shell in one loop, until each of them accepts. The test of the same apps states that all of them come up.
 */

const names = Array.from({ length: 60 }, (_, i) => `app-${i}`)
/** For all of them, in milliseconds: after that something is wrong. */
const longest = 60_000

console.log(`Quaymaster:   ${(await byQuaymaster()).toFixed(0)} ms until all 60 were ready`)
console.log(`a shell loop: ${(await byShell()).toFixed(0)} ms until all 60 accepted`)

async function byQuaymaster(): Promise<number> {
  await using gateway = await startGateway({ apps: { 'first.cjs': 'hello.cjs' } })
  await gateway.events.ready('first')
  const began = performance.now()
  await Promise.all(names.map((name) => gateway.folder.put(`${name}.cjs`, 'hello.cjs')))
  await Promise.all(names.map((name) => gateway.events.ready(name, { timeout: longest })))
  return performance.now() - began
}

async function byShell(): Promise<number> {
  const free = new Ports(systemClock)
  const ports = await Promise.all(names.map(() => free.take()))
  const program = path.join(fixtures, 'hello.cjs')
  const script = `for port in ${ports.join(' ')}; do PORT=$port HOST=127.0.0.1 "${program}" & echo $!; done; wait`
  const began = performance.now()
  const shell = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], env: cleanEnvironment() })
  let pids = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (pids += text))
  try {
    const open = new Set(ports)
    await eventually(
      async () => {
        for (const port of open) if (await accepts(port)) open.delete(port)
        return open.size === 0
      },
      { timeout: longest, what: 'the shell’s 60 apps' },
    )
    return performance.now() - began
  } finally {
    for (const pid of pids.trim().split('\n')) end(Number(pid))
  }
}
