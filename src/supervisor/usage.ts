import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { readProc } from '../lib/proc.ts'
import { vitalsOf } from './vitals.ts'

/** What processes hold and have used. */
export interface Usage {
  /** Resident bytes; pages that they share count for each of them. */
  readonly memory: number
  /** Milliseconds of processor time. */
  readonly cpu: number
}

const linux = process.platform === 'linux'

/** Of several processes together, as of now; 10 µs each. Null where the system does not tell without another process. */
export function usageOf(pids: readonly number[]): Usage | null {
  if (!linux) return null
  let [memory, cpu] = [0, 0]
  for (const pid of pids) {
    const vitals = vitalsOf(pid)
    memory += vitals?.memory ?? 0
    cpu += vitals?.cpu ?? 0
  }
  return { memory, cpu }
}

/**
 * Bytes that processes hold together. Where the plain sum is beyond `limit`, what they share is shared out (PSS): workers
 * forked from one parent would else be charged for all of it each.
 */
export async function memoryOf(pids: readonly number[], limit: number): Promise<number | null> {
  if (pids.length === 0) return null
  if (!linux) return memoryByPs(pids)
  const plain = usageOf(pids)?.memory ?? 0
  return plain <= limit ? plain : pids.reduce((sum, pid) => sum + (shareOf(pid) ?? vitalsOf(pid)?.memory ?? 0), 0)
}

function shareOf(pid: number): number | null {
  try {
    const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/smaps_rollup`))?.[1]
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024
  } catch {
    // Another user's, or a kernel without it.
    return null
  }
}

async function memoryByPs(pids: readonly number[]): Promise<number | null> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', pids.join(',')], { timeout: 2_000 })
    return stdout.split('\n').reduce((sum, line) => sum + Number(line) * 1_024, 0)
  } catch {
    return null
  }
}
