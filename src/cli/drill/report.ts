import type { Tally } from './load.ts'

/** What became of one lesson. */
export interface Result extends Tally {
  readonly lesson: string
  readonly does: string
  /** Requests that the gateway sent once more, and such as waited for an instance; of a gateway that was lost meanwhile, none. */
  readonly replayed: number
  readonly held: number
  /** Numbers of POSTs that reached the app more than once. */
  readonly duplicated: readonly number[]
  /** What should have come of it and did not. */
  readonly fault: string | null
}

/** A failed GET, a POST that was delivered twice, or a lesson that had another outcome: something was lost. */
export function isLost({ failed, duplicated, fault }: Result): boolean {
  return failed > 0 || duplicated.length > 0 || fault !== null
}

const titles = ['LESSON', 'GETS', 'FAILED', 'POSTS', 'FAILED', 'TWICE', 'AGAIN', 'HELD', 'GAP', '']

export function head(width: number): string {
  return row(titles, width)
}

export function line(result: Result, width: number): string {
  const { lesson, sent, failed, posts, postsFailed, duplicated, replayed, held, gap } = result
  const counts = [sent, failed, posts, postsFailed.length, duplicated.length, replayed, held]
  return row([lesson, ...counts.map(String), `${gap.toFixed(0)} ms`, isLost(result) ? 'LOST' : 'nothing lost'], width)
}

/** Why, a line each; nothing when all went well. */
export function reasons({ lesson, fault, why, refused }: Result): readonly string[] {
  const lines = why.map((text) => `  ${lesson}: ${text}`)
  if (fault !== null) lines.unshift(`  ${lesson}: ${fault}`)
  if (refused > 0) lines.push(`  ${lesson}: ${refused} requests found no gateway while there was none`)
  return lines
}

export function verdict(results: readonly Result[]): string {
  const sum = (pick: (result: Result) => number): number => results.reduce((total, one) => total + pick(one), 0)
  const lost = results.filter(isLost)
  const gap = Math.max(0, ...results.map((one) => one.gap))
  const counts = `${sum((it) => it.sent)} GETs, ${sum((it) => it.failed)} failed; ${sum((it) => it.posts)} POSTs, ${sum((it) => it.postsFailed.length)} told that they failed, ${sum((it) => it.duplicated.length)} delivered twice; ${sum((it) => it.replayed)} requests sent again and ${sum((it) => it.held)} held by the gateway; longest gap ${gap.toFixed(0)} ms`
  return lost.length === 0
    ? `Nothing was lost in ${results.length} lessons: ${counts}.`
    : `Something was lost in ${lost.length} of ${results.length} lessons (${lost.map((it) => it.lesson).join(', ')}): ${counts}.`
}

function row(cells: readonly string[], width: number): string {
  const widths = [width, 7, 7, 6, 6, 6, 6, 6, 9]
  return cells
    .map((cell, i) => (i === 0 || i === cells.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
    .join(' ')
    .trimEnd()
}
