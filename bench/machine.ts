import fs from 'node:fs'
import os from 'node:os'

import { descriptorLimit, isPinned } from './processes.ts'

/** What was measured on, as lines of Markdown. */
export function describeMachine(versions: ReadonlyMap<string, string>): string[] {
  const [cpu] = os.cpus()
  const pinned = isPinned() ? 'load generator and app on CPU 0, gateways on CPU 1 (taskset)' : 'nothing is pinned'
  return [
    `- CPU: ${cpu?.model.trim() ?? 'unknown'}, ${os.cpus().length} cores${hypervisor()}; ${pinned}`,
    `- Kernel: ${os.type()} ${os.release()}, ${os.arch()}; ${Math.round(os.totalmem() / 2 ** 30)} GB memory; ${descriptorLimit()} file descriptors`,
    `- Load average at the start: ${os.loadavg()[0]?.toFixed(1)}${(os.loadavg()[0] ?? 0) > 0.7 ? ' (**the machine was not quiet**)' : ''}`,
    `- Versions: Node ${process.version}, ${[...versions].map(([name, version]) => `${name} ${version}`).join(', ')}`,
  ]
}

function hypervisor(): string {
  try {
    return /^flags.*\bhypervisor\b/m.test(fs.readFileSync('/proc/cpuinfo', 'utf8')) ? ' (virtual machine)' : ''
  } catch {
    return ''
  }
}
