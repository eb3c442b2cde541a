import { lstat } from 'node:fs/promises'
import { StartError } from '../lib/start-error.ts'
import type { Launch } from '../model/protocol.ts'
import { ProcessTable } from './process-table.ts'
import { livingOwner, readRoll, type Recorded } from './roll.ts'
import type { Notice } from './notice.ts'

/** What an earlier gateway left, told apart. */
export interface Left {
  /** Verified to be what was started: to be taken over. */
  readonly adoptable: readonly Adoptable[]
  /** What may be left of the others, to be ended. */
  readonly strays: readonly Recorded[]
  /** Apps that the operator had stopped. */
  readonly off: readonly string[]
  /** The earlier gateway's; its apps were told. */
  readonly url: string
}

export type Adoptable = Recorded & {
  readonly pid: number
  readonly startTime: string
  readonly pipes: NonNullable<Recorded['pipes']>
}

export const nothingLeft: Left = { adoptable: [], strays: [], off: [], url: '' }

/**
 * Reads what is on file and looks at each process: alive, with the start time that was written down, with the marker
 * that this spawn alone was given (as far as its environment can be read and was not overwritten), not on its way out in haste, and
 * with pipes that outlived its gateway. That its tree owns the port is for the first probe to say, as always. Throws a
 * StartError when a gateway still looks after them, other than `elder`, which this one follows.
 */
export async function findLeft(stateDir: string, notice: Notice, elder: number | null = null): Promise<Left> {
  const roll = await readRoll(stateDir, notice)
  if (roll === null) return nothingLeft
  const owner = await livingOwner(roll, elder)
  if (owner !== null) {
    throw new StartError(
      `The apps in ${stateDir} are those of another gateway that still runs (PID ${owner}), although the folder was deleted meanwhile. Stop it with: kill ${owner}`,
    )
  }
  const table = new ProcessTable()
  const snapshot = await table.scan()
  const isLeft = async (one: Recorded): Promise<boolean> => {
    const entry = snapshot.get(one.pid ?? 0)
    if (!entry || entry.zombie || entry.started !== one.startTime || !isOrderly(one)) return false
    const marker = table.markerOf(entry)
    if (marker !== null && marker !== one.marker) return false
    return isLaunch(one.launch) && (await isFifo(one.pipes?.stdout)) && (await isFifo(one.pipes?.stderr))
  }
  const verdicts = await Promise.all(roll.instances.map(isLeft))
  const { instances, off, url } = roll
  return {
    adoptable: instances.filter((_, index) => verdicts[index] === true) as Adoptable[],
    strays: instances.filter((_, index) => verdicts[index] !== true),
    off,
    url,
  }
}

/**
 * One that is on its way out is waited for as it was before: its app goes on meanwhile. Not one that insists on its port,
 * which the next instance needs.
 */
function isOrderly({ ending, told, address, port }: Recorded): boolean {
  return !ending || (typeof told === 'number' && (address === null || address.port === port))
}

/** An app was told under which URL it is reached (PUBLIC_URL): under another one it is not what would be started now. */
export function versionAt(left: Left, launch: Launch, url: string): Launch {
  return left.url === url ? launch : { ...launch, version: `${launch.version}@${left.url}` }
}

/** A later gateway may know a launch by other fields than the one that wrote it down; then it is started anew. */
function isLaunch(value: Partial<Launch> | undefined): boolean {
  const texts = [value?.version, value?.file, value?.cwd, value?.source]
  const lists = [value?.args, value?.envFiles]
  return texts.every((it) => typeof it === 'string') && lists.every(Array.isArray) && typeof value?.env === 'object'
}

async function isFifo(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  return await lstat(path).then(
    (stats) => stats.isFIFO(),
    () => false,
  )
}
