import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { ask } from './client.ts'
import { CommandError } from './fail.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

/** Hands a file to the gateway and waits until it has proved itself; what was refused is an error with the reason. */
export async function runDeploy(file: string, options: GlobalOptions & { readonly as?: string }): Promise<number> {
  const state = await findState(options)
  const stats = await stat(file).catch(() => null)
  if (!stats?.isFile()) throw new CommandError(`${file} is not a file.`)
  const extension = extname(file)
  const app = options.as ?? basename(file, extension)
  const query = new URLSearchParams({ file: `${app}${extension}` }).toString()
  const path = `/apps/${encodeURIComponent(app)}/deploy?${query}`
  const outcome = await ask<{ app: string; state: string }>(state, 'POST', path, createReadStream(file))
  process.stdout.write(`${outcome.app} is ${outcome.state}.\n`)
  return 0
}
