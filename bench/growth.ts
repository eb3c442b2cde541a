import { spawnSync } from 'node:child_process'
import fs from 'node:fs'

/** How many files and sockets a process has open. */
export function openFiles(pid: number): number {
  if (fs.existsSync('/proc/self/fd')) return fs.readdirSync(`/proc/${pid}/fd`).length
  return spawnSync('lsof', ['-p', String(pid), '-Ff'], { encoding: 'utf8' }).stdout.split('\n').length
}

/** The slope of the line through the points by least squares, and its standard error. */
export function slope(points: readonly (readonly [x: number, y: number])[]): { slope: number; error: number } {
  const n = points.length
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / n
  const [mx, my] = [mean(0), mean(1)]
  const sxx = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
  const rise = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / sxx
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - rise * (x - mx)) ** 2, 0)
  return { slope: rise, error: Math.sqrt(rest / (n - 2) / sxx) }
}
