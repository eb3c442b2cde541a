import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { OutputLine } from '../observe/journal.ts'
import { painter, wantsColor } from '../observe/color.ts'
import { outputLine, type Look } from '../observe/pretty.ts'
import { stream } from './client.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

export interface LogsOptions extends GlobalOptions {
  readonly app: string | null
  readonly follow: boolean
  readonly lines: number
  readonly json: boolean
}

export async function runLogs(options: LogsOptions): Promise<number> {
  const query = new URLSearchParams({ n: String(options.lines) })
  if (options.app !== null) query.set('app', options.app)
  if (options.follow) query.set('follow', '1')
  const body = await stream(await findState(options), `/logs?${query.toString()}`)
  process.once('SIGINT', () => process.exit(0))
  const color = wantsColor({ env: process.env, isTTY: process.stdout.isTTY, wanted: options.color })
  const show = options.json ? (line: string): string => line : pretty(color)
  try {
    for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
      if (line === '') continue
      // A slow reader makes us read slowly, and the gateway then counts what it cannot send.
      if (!process.stdout.write(`${show(line)}\n`)) await once(process.stdout, 'drain')
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  }
  if (options.follow) process.stderr.write('The gateway has stopped.\n')
  return 0
}

function pretty(color: boolean): (line: string) => string {
  let look: Look = { paint: painter(color), color, width: 0 }
  return (line) => {
    const entry = JSON.parse(line) as OutputLine | { readonly lost: number }
    if ('lost' in entry)
      return look.paint('yellow', `… ${entry.lost} lines were left out: they came faster than they were read`)
    look = { ...look, width: Math.min(20, Math.max(look.width, entry.app.length)) }
    return outputLine(entry, look)
  }
}
