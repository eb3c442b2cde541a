import type { Flags } from './load.ts'

/** One way of asking all gateways the same. */
export interface Workload {
  /** What `--only` takes. */
  readonly name: string
  readonly title: string
  /** What CPU time is divided by. */
  readonly unit: 'request' | 'MB' | 'chunk' | 'event' | 'message'
  readonly mode: 'requests' | 'first' | 'events' | 'echo'
  /** `path` is what the app sees. */
  readonly flags: Flags & { readonly path: string }
  /** The app or the load sets the pace: how many there are a second says nothing about the gateway. */
  readonly paced?: boolean
  /** Units in one finished exchange. Default 1. */
  readonly units?: number
  /** Every request gets a line in a file. */
  readonly log?: boolean
  /** How many apps there are; the one in the middle is asked. Default: ten, and the first is asked. */
  readonly apps?: number
  /** How often each peer has its turn, distant ones among them. Default: as often as the others, distant ones once. */
  readonly rounds?: number
  /** An open loop at half of the rate at which `halfFor` is saturated in the workload of this name. */
  readonly halfOf?: string
  /** Whose saturation that is: the same rate for all, or for each the half of its own. Default: ours. */
  readonly halfFor?: 'ours' | 'each'
}

const get = { path: '/', conns: 64 }

export const workloads: readonly Workload[] = [
  { name: 'get-1', title: 'get, 1 connection', unit: 'request', mode: 'requests', flags: { ...get, conns: 1 } },
  { name: 'get-64', title: 'get, 64 connections', unit: 'request', mode: 'requests', flags: get, rounds: 5 },
  { name: 'get-512', title: 'get, 512 connections', unit: 'request', mode: 'requests', flags: { ...get, conns: 512 } },
  {
    name: 'post',
    title: 'post 1 KiB',
    unit: 'request',
    mode: 'requests',
    flags: { ...get, method: 'POST', body: 1_024 },
  },
  { name: 'close', title: 'connection per request', unit: 'request', mode: 'requests', flags: { ...get, close: 1 } },
  {
    name: 'download',
    title: 'download 10 MB',
    unit: 'MB',
    mode: 'requests',
    flags: { path: '/download', conns: 4 },
    units: 10,
  },
  {
    name: 'upload',
    title: 'upload 10 MB',
    unit: 'MB',
    mode: 'requests',
    flags: { path: '/upload', conns: 4, method: 'POST', body: 10_000_000 },
    units: 10,
  },
  {
    name: 'chunked',
    title: 'chunked, 1 KiB a ms, 16 streams',
    unit: 'chunk',
    mode: 'requests',
    flags: { path: '/drip', conns: 16 },
    paced: true,
    units: 20,
  },
  { name: 'websocket', title: 'WebSocket echo, 64 tunnels', unit: 'message', mode: 'echo', flags: get },
  {
    name: 'events',
    title: '1,000 event streams',
    unit: 'event',
    mode: 'events',
    flags: { path: '/events', conns: 1_000 },
    paced: true,
  },
  { name: 'first', title: 'first byte', unit: 'request', mode: 'first', flags: { path: '/first' } },
  {
    name: 'half',
    title: 'get at half our saturation',
    unit: 'request',
    mode: 'requests',
    flags: get,
    halfOf: 'get-64',
    paced: true,
    // A hundredth of a second's answers is what a stall of a shared machine spoils: three rounds are not enough.
    rounds: 9,
  },
  {
    name: 'half-each',
    title: 'get at half of its own saturation',
    unit: 'request',
    mode: 'requests',
    flags: get,
    halfOf: 'get-64',
    halfFor: 'each',
    paced: true,
    rounds: 9,
  },
  {
    name: 'log-get',
    title: 'get, 64 connections, access log',
    unit: 'request',
    mode: 'requests',
    flags: get,
    log: true,
  },
  {
    name: 'log-post',
    title: 'post 1 KiB, access log',
    unit: 'request',
    mode: 'requests',
    flags: { ...get, method: 'POST', body: 1_024 },
    log: true,
  },
  {
    name: 'log-close',
    title: 'connection per request, access log',
    unit: 'request',
    mode: 'requests',
    flags: { ...get, close: 1 },
    log: true,
  },
  { name: 'apps-10', title: 'table of 10 apps', unit: 'request', mode: 'requests', flags: get, apps: 10 },
  { name: 'apps-1000', title: 'table of 1,000 apps', unit: 'request', mode: 'requests', flags: get, apps: 1_000 },
  { name: 'apps-10000', title: 'table of 10,000 apps', unit: 'request', mode: 'requests', flags: get, apps: 10_000 },
]

/**
 * Those that the words name, each in full (`get-64`) or by its first part (`get`), and those that they are derived from.
 * No words: all. A word that names nothing is an error; some words name what is measured apart.
 */
export function chooseWorkloads(words: readonly string[]): readonly Workload[] {
  if (words.length === 0) return workloads
  const isNamed = (name: string, word: string): boolean => name === word || name.startsWith(`${word}-`)
  const unknown = words.find((word) => !apart.includes(word) && !workloads.some(({ name }) => isNamed(name, word)))
  if (unknown !== undefined) {
    const known = [...workloads.map(({ name }) => name), ...apart].join(', ')
    throw new Error(`There is no workload ${unknown}; there are ${known}.`)
  }
  const named = workloads.filter(({ name }) => words.some((word) => isNamed(name, word)))
  return workloads.filter((it) => named.includes(it) || named.some(({ halfOf }) => halfOf === it.name))
}

/** What `--only` takes beside workloads. */
const apart: readonly string[] = ['memory', 'table']

/** Those whose numbers are only comparable when measured in turns: tables of different sizes. */
export function groupOf(workload: Workload): string {
  return workload.apps === undefined ? workload.name : 'tables'
}
