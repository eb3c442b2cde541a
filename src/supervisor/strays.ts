import { setTimeout as delay } from 'node:timers/promises'
import { dropGroup } from './cgroups.ts'
import type { Notice } from './notice.ts'
import { ProcessTable } from './process-table.ts'
import { ProcessTree } from './process-tree.ts'
import { forgetRoll, livingOwner, readRoll, type Recorded } from './roll.ts'

/** From SIGTERM to SIGKILL for what a killed gateway left behind (milliseconds). */
const grace = 2_000

/** How long SIGKILL may take to show (milliseconds); longer waits for a device. */
const patience = 2_000

/**
 * Ends what an earlier gateway left running: known by PID and start time, by its group, and by the marker in its
 * environment. Resolves with those that were there. Nothing else is ever signalled: a PID that was given to somebody else
 * has another start time.
 */
export async function endStrays(strays: readonly Recorded[], notice: Notice): Promise<readonly Recorded[]> {
  const table = new ProcessTable()
  const ended = await Promise.all(strays.map(async (one) => ((await endStray(table, one, notice)) ? [one] : [])))
  await Promise.all(strays.map(async (one) => await dropGroup(one.cgroup)))
  return ended.flat()
}

/** Ends everything that is on file in a state folder, for whose gateway nobody came; nothing while that one lives. */
export async function endAll(stateDir: string, notice: Notice): Promise<readonly Recorded[]> {
  const roll = await readRoll(stateDir, notice)
  if (roll !== null && (await livingOwner(roll)) !== null) return []
  const ended = await endStrays(roll?.instances ?? [], notice)
  await forgetRoll(stateDir)
  return ended
}

async function endStray(table: ProcessTable, one: Recorded, notice: Notice): Promise<boolean> {
  const root = { pid: one.pid ?? 0, started: one.startTime ?? '0', marker: one.marker, cgroup: one.cgroup ?? null }
  const tree = new ProcessTree(table, root)
  const found = await tree.terminate()
  if (found.length === 0) return false
  const names = found.map((entry) => `${entry.name} (pid ${entry.pid})`).join(', ')
  notice('warn', `ending ${one.app}, which an earlier gateway left running: ${names}`)
  if (await isGone(tree, grace)) return true
  const begun = performance.now()
  while (performance.now() - begun < patience) {
    if ((await tree.kill()).length === 0) return true
    await delay(20)
  }
  notice('error', `${one.app} of an earlier gateway does not end even by SIGKILL: ${names}`)
  return true
}

async function isGone(tree: ProcessTree, within: number): Promise<boolean> {
  const begun = performance.now()
  while (performance.now() - begun < within) {
    // The full look is taken only when all that are known have gone.
    if (tree.remaining().length === 0 && (await tree.terminate()).length === 0) return true
    await delay(20)
  }
  return false
}
