import type { Memory } from './memory.ts'
import { cpuOf, type Measured, type Results } from './results.ts'
import type { TableCost } from './table.ts'
import { workloads } from './workloads.ts'

/** One figure that the gateway is held to. `reached` is null where it was not measured or there is no target. */
export interface Figure {
  readonly what: string
  readonly target: string
  readonly value: string
  readonly reached: boolean | null
}

const ours = 'Quaymaster'

/** What the gateway should reach, and whether it did in this run. */
export function acceptance(results: Results, memory: readonly Memory[], tables: readonly TableCost[]): Figure[] {
  const title = (name: string): string => workloads.find((it) => it.name === name)?.title ?? name
  const atMost = (what: string, value: number | null, limit: number, unit: string): Figure => {
    const shown = value === null ? '–' : `${value.toFixed(2)}${unit}`
    return { what, target: `≤ ${limit}${unit}`, value: shown, reached: value === null ? null : value <= limit }
  }
  const ratio = (what: string, name: string, peer: string, base: string, limit: number, of = cpuOf): Figure =>
    atMost(what, results.ratio(title(name), peer, base, of), limit, '×')
  const milliseconds = (what: string, row: string): Figure => {
    const p99 = results.median(row, ours, (it) => it.p99)
    return atMost(what, p99 === null ? null : p99 / 1_000, 5, ' ms')
  }
  // What it is held to is the lean form; this one says how much of the difference is work that the other does not do.
  const sameJob = (peer: string): Figure => {
    const value = results.ratio(title('get-64'), ours, `${peer}, same fields`, cpuOf)
    const shown = value === null ? '–' : `${value.toFixed(2)}×`
    return { what: `the same to ${peer} that sets the same fields`, target: 'stated', value: shown, reached: null }
  }
  // Beside it what nginx makes of it: where that is less than the target, no gateway in front of a socket reaches it here.
  const slower = (peer: string): Figure => {
    const toOne = (one: string): number | null => results.ratio(title('get-64'), peer, one, cpuOf)
    const shown = (one: number | null): string => (one === null ? '–' : `${one.toFixed(2)}×`)
    const value = toOne(ours)
    return {
      what: `CPU of ${peer} a GET, to ours`,
      target: '≥ 5×',
      value: `${shown(value)} (to nginx ${shown(toOne('nginx'))})`,
      reached: value === null ? null : value >= 5,
    }
  }
  const p99 = (it: Measured): number | null => it.p99
  const two = 'Quaymaster up, 2 workers'
  return [
    ratio('CPU a GET, 64 connections, to nginx', 'get-64', ours, 'nginx', 1.25),
    ratio('the same of the whole program', 'get-64', 'Quaymaster up', 'nginx', 1.25),
    ratio('CPU a GET, 64 connections, to HAProxy', 'get-64', ours, 'HAProxy', 1),
    ...['nginx', 'HAProxy'].map((peer) => sameJob(peer)),
    ...['Go', 'Caddy', 'http-proxy-3'].map(slower),
    ratio('99th percentile at half our saturation, to nginx', 'half', ours, 'nginx', 1, p99),
    ratio('the same of the whole program', 'half', 'Quaymaster up', 'nginx', 1, p99),
    ratio('the same, each at half of its own saturation', 'half-each', ours, 'nginx', 1, p99),
    ratio('CPU a MB of download, to nginx', 'download', ours, 'nginx', 1.3),
    ratio('CPU a MB of upload, to nginx', 'upload', ours, 'nginx', 1.3),
    milliseconds('bare head of a stream, 99th percentile', 'bare head of a stream'),
    milliseconds('first chunk of a stream, 99th percentile', 'first chunk of a stream'),
    ...memory.filter(({ peer }) => peer === ours).flatMap((it) => memoryFigures(it, memory)),
    ratio('CPU a GET with two workers, to one', 'get-64', two, 'Quaymaster up', 1.1),
    ratio('the same with an access log', 'log-get', two, 'Quaymaster up', 1.1),
    atMost('CPU a GET among 10,000 apps, to that among 10', tableRatio(results, title), 1.1, '×'),
    ...tables.slice(-1).map(changeFigure),
  ]
}

function tableRatio(results: Results, title: (name: string) => string): number | null {
  return results.rowRatio(title('apps-10000'), title('apps-10'), ours, cpuOf)
}

/** A change must not stall those who are served meanwhile. */
function changeFigure({ apps, change }: TableCost): Figure {
  const what = `one change among ${apps.toLocaleString('en')} apps`
  return { what, target: '≤ 5 ms', value: `${(change / 1_000).toFixed(2)} ms`, reached: change <= 5_000 }
}

function memoryFigures({ idle, tunnel, growth }: Memory, all: readonly Memory[]): Figure[] {
  const nginx = all.find(({ peer }) => peer === 'nginx')
  const kilobytes = (held: Memory['idle'] | undefined): string => (held ? (held.bytes / 1024).toFixed(1) : '–')
  const stated = (what: string, of: (it: Memory) => Memory['idle'], own: Memory['idle']): Figure => {
    const value = `${kilobytes(own)} KB (nginx ${kilobytes(nginx && of(nginx))})`
    return { what, target: 'stated', value, reached: null }
  }
  const grown = (what: string, value: number | null, limit: number, unit: string): Figure => {
    const shown = value === null ? '–' : `${value.toFixed(0)}${unit}`
    return { what, target: `≤ ${limit}${unit}`, value: shown, reached: value === null ? null : value <= limit }
  }
  const heap = growth?.heap ?? null
  return [
    stated('memory an idle client', (it) => it.idle, idle),
    stated('memory a WebSocket', (it) => it.tunnel, tunnel),
    grown('descriptors more after 1,000 connections', growth?.descriptors ?? null, 0, ''),
    grown('resident memory more after 1,000 connections', growth && growth.resident / 1024, 1_024, ' KB'),
    grown('heap more after 1,000 connections, collected', heap === null ? null : heap / 1024, 64, ' KB'),
  ]
}
