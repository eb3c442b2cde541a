import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'

/**
 * Runs the suite: `npm test`, or a part of it by files, folders and a name: `npm test -- test/http --name chunk`.
 * Every file is a process of its own, a few at once: the quick ones first, then those that start real gateways,
 * and at last, each with the machine to itself, those that measure.
 */

/** Measure memory or latency, or take all there is: beside another file they would measure that one. */
const alone = new Set(['flood.test.ts', 'sixty-apps.test.ts', 'tour.test.ts'])
/**
 * How many run at once: one more than there are processors, because most of the time of most of them is spent waiting for
 * processes, drains and graces.
 */
const together = Math.min(4, os.availableParallelism() + 1)
const execArgv = ['--import', new URL('support/deadline.ts', import.meta.url).href]
const root = path.resolve(import.meta.dirname, '..')

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(`The tests cannot run on Node ${process.version}, they need 24: use "npm test", which brings its own.`)
  process.exit(1)
}

const { files, name } = parse(process.argv.slice(2))
if (files.length === 0) {
  console.error(`There is no test file in ${process.argv.slice(2).join(' ') || 'test/'}: name files or folders.`)
  process.exit(2)
}

const labels = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo']
const summaryName: Readonly<Record<string, string>> = { pass: 'passed', fail: 'failed' }
const totals = new Map(labels.map((label) => [label, 0]))
let succeeded = true
/** Of every file, what it took, in milliseconds. */
const took = new Map<string, number>()
await report(files, name)
for (const [file, duration] of [...took].sort((a, b) => b[1] - a[1]).slice(0, took.size < 20 ? 0 : 15)) {
  console.log(`# slow: ${(duration / 1_000).toFixed(1)} s ${path.relative(root, file)}`)
}
for (const [label, count] of totals) console.log(`# ${label} ${count}`)
process.exitCode = succeeded && totals.get('tests') !== 0 ? 0 : 1

/** One report over both parts; node:test would close each with totals of its own. */
async function report(files: readonly string[], name: string | null): Promise<void> {
  const began = performance.now()
  const events = async function* (): AsyncGenerator<TestEvent> {
    const quiet = files.filter((file) => alone.has(path.basename(file)))
    yield* part(
      files.filter((file) => !quiet.includes(file)),
      together,
      name,
    )
    yield* part(quiet, 1, name)
  }
  for await (const text of Readable.from(events()).compose(new spec())) process.stdout.write(text as string)
  totals.set('duration_ms', Math.round(performance.now() - began))
}

async function* part(files: readonly string[], concurrency: number, name: string | null): AsyncGenerator<TestEvent> {
  if (files.length === 0) return
  const stream = run({ files, concurrency, execArgv, ...(name === null ? {} : { testNamePatterns: [name] }) })
  for await (const event of stream as AsyncIterable<TestEvent>) {
    if (event.type === 'test:summary') {
      const { file, duration_ms: duration, success, counts } = event.data
      // The summary without a file is the one over all files of this part.
      if (file === undefined) add({ success, counts: { ...counts } })
      else took.set(file, duration)
    } else if (!isTotal(event)) yield event
  }
}

function add({ success, counts }: { success: boolean; counts: Readonly<Record<string, number>> }): void {
  succeeded &&= success
  for (const label of labels) totals.set(label, (totals.get(label) ?? 0) + (counts[summaryName[label] ?? label] ?? 0))
}

function isTotal(event: TestEvent): boolean {
  return (
    event.type === 'test:diagnostic' &&
    event.data.nesting === 0 &&
    /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(event.data.message)
  )
}

function isBehaviour(file: string): boolean {
  return path.basename(path.dirname(file)) === 'behaviour'
}

function parse(args: readonly string[]): { files: string[]; name: string | null } {
  const wanted = args.filter((arg, index) => arg !== '--name' && args[index - 1] !== '--name')
  const at = args.indexOf('--name')
  const name = at === -1 ? null : (args[at + 1] ?? null)
  const all = fs
    .globSync('test/**/*.test.ts', { cwd: root })
    .map((file) => path.join(root, file))
    .sort((a, b) => Number(isBehaviour(a)) - Number(isBehaviour(b)) || (a < b ? -1 : 1))
  if (wanted.length === 0) return { files: all, name }
  const places = wanted.map((arg) => path.resolve(arg))
  return {
    files: all.filter((file) => places.some((place) => file === place || file.startsWith(place + path.sep))),
    name,
  }
}
