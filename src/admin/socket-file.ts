import { join } from 'node:path'

/** Where the command line finds the gateway of a state folder. */
export function socketFile(stateDir: string): string {
  return join(stateDir, 'control.sock')
}
