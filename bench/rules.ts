import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

import { mutants } from '../test/conformance/mutants.ts'
import { type Mutant, staleness } from '../test/conformance/mutants/mutant.ts'
import { readRules } from '../test/conformance/rules.ts'

/**
 * Whether the tests of the rules on the wire notice when a rule is broken: `npm run proof:rules`. First all of them must
 * be green; then each mutant is put into a copy of the tree, where the tests of its rule must go red. `-- --rule 17`
 * takes one rule, `--jobs N` sets how many run at once. Exits with 1 when a mutant survives or no longer fits.
 */

/** A test of a broken gateway may wait for what never comes; its own waits end before this. */
const testTime = 30_000
/** So long a test waits for what should come, in ms: of a broken gateway much never comes. */
const patience = 5_000
/** For one mutant, in ms: a broken gateway may also go round in circles. */
const longest = 120_000

const root = path.resolve(import.meta.dirname, '..')
const { values } = parseArgs({ options: { rule: { type: 'string', multiple: true }, jobs: { type: 'string' } } })
const only = values.rule?.map(Number) ?? null
const jobs = Math.max(1, Number(values.jobs ?? Math.min(2, os.availableParallelism())))
const rules = readRules()
const asked = mutants.filter(({ rule }) => only === null || only.includes(rule))
if (asked.length === 0) throw new Error(`There is no mutant of rule ${values.rule?.join(', ')}.`)

interface Outcome {
  readonly kind: 'red' | 'SURVIVED' | 'stale' | 'does not load'
  readonly note: string
  /** The tests that went red. */
  readonly red: readonly string[]
}

using work = temporaryFolder()
const trees = Array.from({ length: jobs }, (_, index) => copyTree(path.join(work.path, String(index))))
const began = performance.now()
await proveGreen(trees[0] as string)
const noticed = new Set<string>()
const counts = new Map<Outcome['kind'], number>()
const queue = [...asked]
await Promise.all(trees.map((tree) => drain(tree)))

for (const [rule, tests] of rules)
  for (const { name } of tests)
    if ((only === null || only.includes(rule)) && !noticed.has(`rule ${rule}: ${name}`))
      console.log(`No mutant turned this one red: rule ${rule}: ${name}`)
const summary = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
console.log(`${asked.length} mutants: ${summary}; ${Math.round((performance.now() - began) / 1_000)} s`)
if (counts.get('red') !== asked.length) process.exitCode = 1

async function drain(tree: string): Promise<void> {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const since = performance.now()
    const { kind, note, red } = await judge(tree, mutant)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
    for (const name of red) noticed.add(name)
    const took = `${((performance.now() - since) / 1_000).toFixed(1)} s`
    console.log(
      `${String(mutant.rule).padStart(4)}  ${kind.padEnd(13)} ${mutant.what} (${note === '' ? '' : `${note}, `}${took})`,
    )
  }
}

async function judge(tree: string, { rule, edits }: Mutant): Promise<Outcome> {
  const sourceOf = (file: string): string => path.join(tree, 'src', file)
  const originals = new Map<string, string>()
  for (const edit of edits) {
    const why = staleness(edit, (file) => readText(sourceOf(file)))
    if (why !== null) return { kind: 'stale', note: why, red: [] }
  }
  for (const [file, find, replacement] of edits) {
    const text = fs.readFileSync(sourceOf(file), 'utf8')
    if (!originals.has(file)) originals.set(file, text)
    fs.writeFileSync(
      sourceOf(file),
      text.replace(find, () => replacement),
    )
  }
  const { red, green, inTime, output } = await runTests(tree, rule)
  for (const [file, text] of originals) fs.writeFileSync(sourceOf(file), text)
  if (!inTime) return { kind: 'red', note: 'it never ends', red }
  if (red.length > 0) return { kind: 'red', note: `${red.length} of ${red.length + green.length}`, red }
  if (green.length > 0) return { kind: 'SURVIVED', note: `${green.length} green`, red }
  return { kind: 'does not load', note: output.slice(-2_000), red }
}

async function proveGreen(tree: string): Promise<void> {
  for (const rule of only ?? [null]) {
    const { red, green, inTime, output } = await runTests(tree, rule)
    if (inTime && red.length === 0 && green.length > 0) continue
    for (const [, failed] of output.matchAll(/^ *(not ok \d+ - rule[\s\S]*?)(?:^ *\.\.\.$|(?![\s\S]))/gm))
      console.error(failed)
    if (red.length === 0) console.error(output)
    throw new Error(`Without a mutant the tests must be green: ${red.join(', ') || 'they do not run'}`)
  }
}

interface Run {
  readonly red: readonly string[]
  readonly green: readonly string[]
  readonly inTime: boolean
  readonly output: string
}

/** The tests of one rule, or of all. */
function runTests(tree: string, rule: number | null): Promise<Run> {
  const tests = rule === null ? [...rules.values()].flat() : (rules.get(rule) ?? [])
  const files = [...new Set(tests.map(({ file }) => path.join('test/conformance', file)))]
  const pattern = rule === null ? 'rule \\d+: ' : `rule ${rule}: `
  const args = ['--test', '--test-reporter=tap', '--test-force-exit', `--test-timeout=${testTime}`]
  // In one process: a second one costs as much as most of these tests.
  if (files.length === 1) args.push('--test-isolation=none')
  const child = spawn(process.execPath, [...args, `--test-name-pattern=${pattern}`, ...files], {
    cwd: tree,
    env: { ...process.env, TEST_PATIENCE: String(patience) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  let inTime = true
  const timer = setTimeout(
    () => {
      inTime = false
      child.kill('SIGKILL')
    },
    rule === null ? 3 * longest : longest,
  )
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      const red: string[] = []
      const green: string[] = []
      for (const [, not, name = ''] of output.matchAll(/^ *(not )?ok \d+ - (rule \d+: .*)$/gm))
        (not === undefined ? green : red).push(name.replaceAll(/\\([\\#])/g, '$1'))
      resolve({ red, green, inTime, output })
    })
  })
}

function copyTree(to: string): string {
  fs.mkdirSync(to)
  for (const part of ['src', 'test', 'package.json'])
    fs.cpSync(path.join(root, part), path.join(to, part), { recursive: true })
  fs.symlinkSync(fs.realpathSync(path.join(root, 'node_modules')), path.join(to, 'node_modules'))
  return to
}

function readText(file: string): string | null {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null
}

function temporaryFolder(): Disposable & { readonly path: string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'quaymaster-rules-'))
  return { path: folder, [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }) }
}
