import type { Figure } from './acceptance.ts'
import type { Memory, PerConnection } from './memory.ts'
import { cpuOf, type Measured, type Results } from './results.ts'
import type { TableCost } from './table.ts'

/** The whole report as Markdown. Ratios are to the first peer. */
export function report(
  results: Results,
  memory: readonly Memory[],
  tables: readonly TableCost[],
  figures: readonly Figure[],
  peers: readonly string[],
  machine: string[],
): string {
  const [base = ''] = peers
  const ratio = (of: (measured: Measured) => number | null) => ratios(results, peers, base, of)
  const plain = (of: (measured: Measured) => number | null, showUnit: boolean) =>
    absolutes(results, peers, of, showUnit)
  const parts = [
    section(`CPU time of the gateway, as a ratio to ${base} (less is better)`, ratio(cpuOf)),
    section('CPU time of the gateway, µs a unit: user + system', cpuTable(results, peers)),
    section(
      `Throughput of one core, as a ratio to ${base} (more is better)`,
      ratio(({ rate }) => rate),
    ),
    section(
      'Throughput of one core, units a second',
      plain(({ rate }) => rate, true),
    ),
    section(
      'Latency of a whole exchange (an echo, an event, a first byte), median, µs',
      plain(({ p50 }) => p50, false),
    ),
    section(
      'The same, 99th percentile, µs',
      plain(({ p99 }) => p99, false),
    ),
    section('Memory', memoryTable(memory)),
    section('Routes, measured in one process', tableRows(tables)),
    section('What the gateway is held to', figureRows(figures)),
    results.notes.size === 0 ? '' : `## Notes\n\n${[...results.notes].map((note) => `- ${note}`).join('\n')}\n`,
  ]
  return [`# Bench\n\n${machine.join('\n')}\n`, ...parts].filter((part) => part !== '').join('\n')
}

type Rows = readonly (readonly string[])[]

/** Nothing when there is no row below the head. */
function section(title: string, rows: Rows): string {
  if (rows.length < 2) return ''
  const [head = [], ...body] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'))
  return `## ${title}\n\n${[line(head), line(rule), ...body.map(line)].join('\n')}\n`
}

function table(
  results: Results,
  peers: readonly string[],
  showUnit: boolean,
  cell: (row: string, peer: string) => string | null,
): readonly string[][] {
  const rows = [['', ...peers]]
  for (const { row, unit } of results.rows()) {
    const cells = peers.map((peer) => cell(row, peer))
    if (cells.some((it) => it !== null))
      rows.push([showUnit ? `${row} (${unit === 'event' ? 'an' : 'a'} ${unit})` : row, ...cells.map((it) => it ?? '–')])
  }
  return rows
}

function ratios(results: Results, peers: readonly string[], base: string, of: (it: Measured) => number | null): Rows {
  return table(results, peers, true, (row, peer) => {
    return results.ratio(row, peer, base, of)?.toFixed(2) ?? null
  })
}

function absolutes(
  results: Results,
  peers: readonly string[],
  of: (it: Measured) => number | null,
  showUnit: boolean,
): Rows {
  return table(results, peers, showUnit, (row, peer) => {
    const value = results.median(row, peer, of)
    return value === null ? null : value.toLocaleString('en', { maximumFractionDigits: 0 })
  })
}

function cpuTable(results: Results, peers: readonly string[]): Rows {
  return table(results, peers, true, (row, peer) => {
    const total = results.median(row, peer, cpuOf)
    if (total === null) return null
    const user = results.median(row, peer, (measured) => measured.user) ?? 0
    const system = results.median(row, peer, (measured) => measured.system) ?? 0
    return `${total.toFixed(1)} (${user.toFixed(1)} + ${system.toFixed(1)})`
  })
}

function memoryTable(memory: readonly Memory[]): Rows {
  const rows = [
    [
      '',
      'RSS at start, MB',
      'RSS after load, MB',
      'KB an idle client',
      'KB a WebSocket',
      'growth over 1,000 connect and close',
    ],
  ]
  for (const { peer, start, warm, idle, tunnel, growth } of memory) {
    const collected = growth?.heap ?? null
    const heap = collected === null ? '' : `, heap ${(collected / 1024).toFixed(0)} KB`
    const grown = growth === null ? '–' : `${(growth.resident / 1024).toFixed(0)} KB, ${growth.descriptors} fds${heap}`
    rows.push([peer, megabytes(start), megabytes(warm), each(idle), each(tunnel), grown])
  }
  return rows
}

function tableRows(tables: readonly TableCost[]): Rows {
  const rows = [['apps', 'one change, µs', 'finding the same app, ns', 'all apps in turn, ns']]
  for (const { apps, change, same, all } of tables)
    rows.push([apps.toLocaleString('en'), change.toFixed(0), same.toFixed(0), all.toFixed(0)])
  return rows
}

function figureRows(figures: readonly Figure[]): Rows {
  const word = (reached: boolean | null): string => (reached === null ? '' : reached ? 'reached' : '**not reached**')
  const known = figures.filter(({ value }) => value !== '–')
  return [['', 'target', 'here', ''], ...known.map((it) => [it.what, it.target, it.value, word(it.reached)])]
}

function each(held: PerConnection | null): string {
  return held === null ? '–' : `${(held.bytes / 1024).toFixed(1)} (of ${held.count.toLocaleString('en')})`
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}
