import { spawnSync } from 'node:child_process'
import fs from 'node:fs'

/** How many files and sockets a process has open. */
export function openFiles(pid: number): number {
  if (fs.existsSync('/proc/self/fd')) return fs.readdirSync(`/proc/${pid}/fd`).length
  return spawnSync('lsof', ['-p', String(pid), '-Ff'], { encoding: 'utf8' }).stdout.split('\n').length
}

/**
 * How a gateway is started that is measured. V8 tells of every collection on stdout. And its young generation swings
 * between 14 and 30 MB: left to itself it is of 1 MB or of 54 MB, each for minutes, and nothing else is to be seen beside that.
 */
export const steady: readonly string[] = ['--trace-gc', '--min-semi-space-size=16', '--max-semi-space-size=16']

/**
 * Leaves V8's compilers out: for an hour and more they compile another function every few seconds, and what they make of it
 * grows by 1 MB in a quarter of an hour (seen in heap snapshots), beside which a leak of that size is not to be seen.
 */
export const interpreted: readonly string[] = ['--no-sparkplug', '--no-maglev', '--no-turbofan']

/** Megabytes that are alive after a full collection, of a line that tells of one; else null. */
export function liveHeap(line: string): number | null {
  const found = /ms: .*?Mark-Compact .*? -> (\d+(?:\.\d+)?) \(/.exec(line)?.[1]
  return found === undefined ? null : Number(found)
}

type Point = readonly [x: number, y: number]

export interface Trend {
  /** Of the line through the points, in y by x. */
  readonly slope: number
  /** Half the width of its 95 % interval; infinite when there are too few points to tell. */
  readonly margin: number
  /** Level: no slope at all lies within the interval. */
  readonly verdict: 'level' | 'grows' | 'falls'
}

/** Points that follow one another are alike, because the heap swings from collection to collection: ten blocks are not. */
const blocks = 10

/** Student's t for 95 %, by degrees of freedom from 1 on. */
const students = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306]

/**
 * Whether something grows. The points are put into ten blocks of the same width and a line is laid by least squares
 * through the means of the blocks. Laid through the points themselves its error comes out many times too small: that
 * takes a hundred points of one swing for a hundred witnesses.
 */
export function trendOf(points: readonly Point[]): Trend {
  const means = blockMeans(points)
  const n = means.length
  const student = students[n - 3]
  if (student === undefined) return { slope: 0, margin: Infinity, verdict: 'level' }
  const [mx, my] = [mean(means.map(([x]) => x)), mean(means.map(([, y]) => y))]
  const sxx = means.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  const slope = means.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx
  const rest = means.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0)
  const margin = student * Math.sqrt(rest / (n - 2) / sxx)
  return { slope, margin, verdict: Math.abs(slope) <= margin ? 'level' : slope > 0 ? 'grows' : 'falls' }
}

/** `149.0 to 158.2 MB, +0.10 ± 0.25 MB a minute (95 %): level`; `scale`: how many of x are one of `per`. */
export function growth(points: readonly Point[], unit: string, per: string, scale = 1): string {
  if (points.length === 0) return 'not seen'
  const all = points.map(([, y]) => y)
  const { slope, margin, verdict } = trendOf(points)
  const digits = unit === '' ? 0 : 1
  const range = `${Math.min(...all).toFixed(digits)} to ${Math.max(...all).toFixed(digits)}${unit}`
  if (margin === Infinity) return `${range}, too few to tell whether it grows`
  const [rise, more] = [slope, margin].map((one) => (one * scale).toFixed(2))
  return `${range}, ${slope < 0 ? '' : '+'}${rise} ± ${more}${unit} ${per} (95 %): ${verdict}`
}

function blockMeans(points: readonly Point[]): readonly Point[] {
  const xs = points.map(([x]) => x)
  const [from, to] = [Math.min(...xs), Math.max(...xs)]
  const width = (to - from) / blocks
  const of = (x: number): number => Math.min(blocks - 1, Math.floor((x - from) / width))
  return Array.from({ length: blocks }, (_, block) => points.filter(([x]) => of(x) === block))
    .filter((members) => members.length > 0)
    .map((members): Point => [mean(members.map(([x]) => x)), mean(members.map(([, y]) => y))])
}

function mean(all: readonly number[]): number {
  return all.reduce((sum, one) => sum + one, 0) / all.length
}
