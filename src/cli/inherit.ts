import { once } from 'node:events'
import type { Count, Inherited, Running, UpOptions } from '../lib/running.ts'
import { StartError } from '../lib/start-error.ts'
import { checkConfig } from '../main/settings.ts'
import { inheritance, type Take } from '../main/heir.ts'

/** What an earlier gateway hands over to this process, if one has started it. Said to us alone. */
export function readInheritance(env: NodeJS.ProcessEnv): Inherited | null {
  const text = env[inheritance]
  delete env[inheritance]
  return text === undefined || !process.send ? null : (JSON.parse(text) as Inherited)
}

/** Starts when the earlier gateway has let go of everything, and tells it how that went. */
export async function inherit(options: UpOptions, start: (options: UpOptions) => Promise<Running>): Promise<Running> {
  try {
    await checkConfig(options)
    if (!process.connected) throw new StartError('The gateway to follow has ended.')
    tell('prepared')
    const taking = once(process, 'message').then(([word]) => countIn(word))
    const left = once(process, 'disconnect').then(() => {
      throw new StartError('The gateway to follow has ended.')
    })
    const count = await Promise.race([taking, left])
    left.catch(() => {})
    const { inherited } = options
    const running = await start({ ...options, inherited: inherited && { ...inherited, ...count } })
    tell('up')
    return running
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error)
    tell({ failed })
    throw error
  }
}

/** Earlier versions say only that we may take. */
function countIn(word: unknown): Count {
  return typeof word === 'object' && word !== null && 'take' in word ? (word as Take).take : {}
}

/** Who was to hear it may have been killed meanwhile. */
function tell(word: unknown): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => {})
}
