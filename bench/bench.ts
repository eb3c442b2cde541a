import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

import { acceptance } from './acceptance.ts'
import { build } from './build.ts'
import { messageOf } from './failure.ts'
import { Load } from './load.ts'
import { describeMachine } from './machine.ts'
import { type Bench, groups, measureGroup } from './measure.ts'
import { measureMemory, type Memory } from './memory.ts'
import { type Options, readOptions, usage } from './options.ts'
import { choosePeers } from './peers/all.ts'
import type { Peer } from './peers/peer.ts'
import { firstLine, start } from './processes.ts'
import { report } from './report.ts'
import { Results } from './results.ts'
import { Stage } from './stage.ts'
import { measureTables } from './table.ts'
import { chooseWorkloads } from './workloads.ts'

/**
 * Compares gateways that do the same: check a token, strip a prefix, relay. What is measured, how, and against what
 * stands in workloads.ts, measure.ts and peers/. The tables go to stdout, progress to stderr.
 */
const abort = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => abort.abort(new Error(`ended by ${name}`)))
}

try {
  await main(readOptions(process.argv.slice(2)))
} catch (error) {
  console.error(`\nThe bench could not go on: ${messageOf(error)}`)
  if (!abort.signal.aborted) console.error(`\n${usage}`)
  process.exitCode = abort.signal.aborted ? 130 : 1
}

async function main(options: Options): Promise<void> {
  if (process.platform !== 'linux') throw new Error('it needs Linux: the load generator is built on epoll and /proc.')
  const began = Date.now()
  const chosen = choosePeers(options.peers)
  const wanted = chooseWorkloads(options.only)
  await using opened = new AsyncDisposableStack()
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'quaymaster-bench-'))
  opened.defer(() => fs.rm(dir, { recursive: true, force: true }))
  const built = await build(
    dir,
    chosen.some(({ name }) => name === 'Go'),
  )

  const versions = new Map<string, string>()
  const peers: Peer[] = []
  const results = new Results()
  for (const peer of chosen) {
    const version = await peer.version({ built })
    if (version === null) results.notes.add(`${peer.name} is not installed here and was left out.`)
    else {
      peers.push(peer)
      versions.set(peer.name, version)
    }
  }
  const machine = describeMachine(versions)

  const app = opened.use(start(built.upstream, [], { cpu: 0, env: { PORT: '0' } }))
  const upstream = await firstLine(app, (line) => Number(/^listening (\d+)$/.exec(line)?.[1] ?? 0) || null)
  const stage = opened.use(new Stage(built, upstream, dir))
  const load = opened.use(new Load(built.load))
  // Ctrl-C must not wait for the measurement that runs.
  abort.signal.addEventListener('abort', () => void load.stop())
  const bench: Bench = { options, load, stage, results, signal: abort.signal, say: sayer() }

  let variant = ''
  for (const group of groups(wanted)) {
    // Gateways that are no longer needed go before others come: a machine with little memory should do.
    const next = group[0]?.apps === undefined ? String(group[0]?.log ?? false) : 'tables'
    if (next !== variant) await stage.clear()
    variant = next
    await measureGroup(bench, group, peers)
  }
  await stage.clear()
  const memory: Memory[] =
    options.only.length === 0 || options.only.includes('memory') ? await measureMemory(bench, peers) : []
  const tables = options.only.length === 0 || options.only.includes('table') ? measureTables() : []

  const names = peers.map(({ name }) => name)
  const facts = [
    ...machine,
    `- ${options.rounds} rounds (five of the plain GET, nine of those at half load; one of peers that are far off) of ${options.seconds} s after ${options.warm} s of warming up, peers in turns, medians; ${Math.round((Date.now() - began) / 60_000)} minutes in all`,
    '- Every gateway checks a token, strips `/api/app1` and keeps connections to the app alive; without an access log where none is named',
    '- nginx and HAProxy add X-Forwarded-For and pass the token on; "same fields" is their second form, which removes the token and sets what ours sets: X-Forwarded-For, -Proto, -Host, -Port and -Prefix, the subject, a request id (both ways), traceparent, Via, and Date to the client',
  ]
  const text = report(results, memory, tables, acceptance(results, memory, tables), names, facts)
  console.error('')
  console.log(text)
  const isWhole = !options.quick && options.only.length === 0 && options.peers.length === 0
  if (isWhole) await fs.writeFile(path.join(import.meta.dirname, 'RESULTS.md'), text)
}

/** One line that is overwritten at a terminal, lines elsewhere. */
function sayer(): (text: string) => void {
  if (!process.stderr.isTTY) return (text) => console.error(text)
  return (text) => process.stderr.write(`\r\u001b[K${text}`)
}
