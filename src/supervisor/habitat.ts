import type { Clock } from '../lib/clock.ts'
import type { Event, Traffic } from '../model/protocol.ts'
import type { OutputLine } from '../observe/journal.ts'
import type { Cgroups } from './cgroups.ts'
import type { MemoryWatch } from './memory.ts'
import type { Notice } from './notice.ts'
import type { Pace } from './pace.ts'
import type { Pipes } from './pipes.ts'
import type { Ports } from './ports.ts'
import type { ProcessTable } from './process-table.ts'
import type { Provisions, Spawn } from './provisions.ts'
import type { InstanceRoll } from './roll.ts'

/** What all runs of a gateway share. */
export interface Habitat {
  readonly clock: Clock
  readonly ports: Ports
  readonly table: ProcessTable
  readonly pace: Pace
  readonly pipes: Pipes
  readonly cgroups: Cgroups
  readonly roll: InstanceRoll
  readonly provisions: Provisions
  /** The files of it are read at once; the rest follows when it is known where the child is to listen. */
  environment(spawn: Spawn): Promise<(place: string, marker: string) => Record<string, string>>
  output(line: OutputLine): void
  report(event: Extract<Event, { readonly type: 'spawned' | 'probed' }>): void
  traffic(run: number): Traffic
  readonly notice: Notice
  readonly memory: MemoryWatch
  /** An instance could not be looked at, because of us. */
  readonly blind: (reason: string) => void
}
