import { readToken } from '../admin/token.ts'
import { CommandError } from './fail.ts'
import { findConfig, findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** Prints the kept token and nothing else, so that `$(quaymaster token)` works. */
export async function runToken(options: GlobalOptions): Promise<number> {
  // One that was made earlier may still lie in the state folder, and opens nothing any more.
  const tokens = (await findConfig(options.config))?.auth.tokens ?? []
  if (tokens.length > 0) {
    const names = tokens.map(({ name }) => name).join(', ')
    throw new CommandError(
      `The tokens come from the configuration (auth.tokens: ${names}), which holds only their SHA-256, so there is none to print. Use the one that was made for it, or remove auth.tokens to have one made.`,
    )
  }
  const state = await findState(options)
  const token = await readToken(state).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES') throw error
    throw new CommandError(`The token in ${state} belongs to another user.`)
  })
  if (token === null) {
    throw new CommandError(
      `No token is kept in ${state}. One is made when a gateway starts for which no token is configured: quaymaster up`,
    )
  }
  process.stdout.write(`${token}\n`)
  return 0
}
