import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import type { Route } from '../src/model/route.ts'
import type { Counts, Order } from './fuzz-gateway.ts'
import { writeAnswer } from './fuzz/answers.ts'
import { FuzzApp, type Seen } from './fuzz/app.ts'
import { talk } from './fuzz/client.ts'
import { type Input, type World, writeInput } from './fuzz/grammar.ts'
import { judge } from './fuzz/judge.ts'
import { matchArrivals } from './fuzz/match.ts'
import { Random } from './fuzz/random.ts'
import { readRequests, type RequestRead, type StreamRead } from './fuzz/reference.ts'

/**
 * Random and spoilt bytes from clients and from apps, against a gateway in a process of its own:
 * `npm run fuzz -- --seconds 60 --seed 7`. Nothing may crash, hang or leak, the app must only see requests that the
 * client made, and each side only what a strict parser reads. Case N of a seed is always the same: `--case N` repeats it.
 * `--least N` goes on behind the time until there were so many, on however slow a machine.
 */

const words = [
  'alpha',
  'bravo',
  'charlie',
  'delta',
  'echo',
  'foxtrot',
  'golf',
  'hotel',
  'india',
  'juliett',
  'kilo',
  'lima',
] as const
const token = 'a-token-for-the-fuzzer'
/** How long everything may take to be closed and forgotten after the last case. */
const quiesceTime = 10_000
/** What llhttp makes of the same bytes is asked for one case in so many. */
const differEvery = 8

/** Requests of earlier cases, a lane, that may still arrive: one goes on when another leaves. */
const remembered = 4_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    least: { type: 'string', default: '0' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    case: { type: 'string' },
    lanes: { type: 'string', default: '12' },
  },
})
const seed = Number(values.seed)
const only = values.case === undefined ? null : Number(values.case)
const least = Number(values.least)
const lanes = Math.max(1, Math.min(words.length, Number(values.lanes)))

const tried = new Map<string, number>()
const tally = { cases: 0, clean: 0, bytes: 0, read: 0, arrived: 0, answers: 0, bad: 0, inside: 0 }
/** By lane, the last requests that had not arrived when their case ended. */
const earlier = new Map<number, RequestRead[]>()
const violations: { index: number; wrong: readonly string[] }[] = []

const apps = await Promise.all(
  words
    .slice(0, lanes)
    .map(() => FuzzApp.listen(() => ({ answer: { text: '', after: 'stall', good: null, early: false }, marker: '' }))),
)
const gateway = fork(path.join(import.meta.dirname, 'fuzz-gateway.ts'), { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
let stderr = ''
let crashed: string | null = null
gateway.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-10_000)))
gateway.once('exit', (code, signal) => (crashed = `The gateway ended with ${code ?? signal}: ${stderr}`))
// One that runs in a circle does not notice that its parent is gone.
process.once('exit', () => gateway.kill('SIGKILL'))
const routes = apps.map((app, lane) => routeTo(words[lane] ?? '', app.port, lane + 1))
const { port } = await tell<{ port: number }>({
  routes,
  sha256: createHash('sha256').update(token).digest('hex'),
} satisfies Order)
// What a first exchange opens for good is not a leak.
await runCase(-1, 0)
violations.length = 0
const before = await counts()
const began = performance.now()
const deadline = began + Number(values.seconds) * 1_000

if (only === null) await Promise.all(apps.map((_, lane) => runLane(lane)))
else await runCase(only, only % lanes)

const took = (performance.now() - began) / 1_000
if (crashed === null) {
  await judgeQuiescence().catch((error: unknown) => void violations.push({ index: -1, wrong: [String(error)] }))
}
const failed = report()
for (const app of apps) await app[Symbol.asyncDispose]()
if (gateway.connected) gateway.disconnect()
process.exitCode = failed ? 1 : 0

async function runLane(lane: number): Promise<void> {
  for (let index = lane; !isOver(); index += lanes) await runCase(index, lane)
}

function isOver(): boolean {
  return (performance.now() >= deadline && tally.cases >= least) || crashed !== null || violations.length >= 5
}

async function runCase(index: number, lane: number): Promise<void> {
  const app = apps[lane] as FuzzApp
  const note = (name: string): void => void tried.set(name, (tried.get(name) ?? 0) + 1)
  const world: World = { prefix: `/api/${words[lane] ?? ''}`, token, id: `c${index}` }
  const random = new Random(seed, index)
  const input = writeInput(random, world, note)
  const read = readRequests(input.text)
  app.begin(({ method, upgrade }, turn) => {
    const marker = `${world.id}.${turn}`
    return {
      answer: writeAnswer(new Random(seed, index, turn), { method, marker, upgrade }, input.clean, note),
      marker,
    }
  })
  const heard = await talk(port, input, read)
  const seen = app.take()
  const { wrong, open } = await judge(world.prefix, input, read, heard, seen, {
    earlier: earlier.get(lane) ?? [],
    differ: index % differEvery === 0,
  })
  earlier.set(lane, open.slice(-remembered))
  if (crashed !== null) wrong.push(crashed)
  if (index >= 0) count(input, read, seen, heard.finals.length)
  if (wrong.length > 0)
    violations.push({ index, wrong: [...wrong, `saved: ${save(index, input, read, heard.text, seen)}`] })
}

function count(input: Input, read: StreamRead, seen: Seen, finals: number): void {
  tally.cases += 1
  tally.bytes += input.text.length
  tally.read += read.requests.length
  tally.arrived += seen.arrivals.length
  tally.answers += finals
  if (input.clean) tally.clean += 1
  if (read.end === 'bad') tally.bad += 1
  if (read.end === 'inside') tally.inside += 1
}

/** After the last case nothing may be left: no exchange, no connection, no file. */
async function judgeQuiescence(): Promise<void> {
  const until = performance.now() + quiesceTime
  let now = await counts()
  const isQuiet = (): boolean => now.inflight === 0 && now.sockets === 0 && (now.files ?? 0) <= (before.files ?? 0)
  const strangers = apps.flatMap((app, lane) => {
    const found = matchArrivals(`/api/${words[lane] ?? ''}`, [], earlier.get(lane) ?? [], app.take().arrivals)
    return 'message' in found ? [found.message.raw.slice(0, 1_000)] : []
  })
  for (const app of apps) app.closeAll()
  while (!isQuiet() && performance.now() < until) {
    await pause(50)
    now = await counts()
  }
  const wrong = now.internal.map((detail) => `The gateway failed: ${detail}`)
  for (const raw of strangers) wrong.push(`A request arrived that no client had sent: ${JSON.stringify(raw)}`)
  if (!isQuiet()) wrong.push(`Left after ${quiesceTime} ms: ${JSON.stringify(now)}; before: ${JSON.stringify(before)}`)
  if (wrong.length > 0) violations.push({ index: -1, wrong })
  console.log(`gateway: ${now.exchanges} exchanges, RSS ${mebibytes(before.rss)} → ${mebibytes(now.rss)} MiB`)
}

function report(): boolean {
  const { cases, clean, bytes, read, arrived, answers, bad, inside } = tally
  console.log(`seed ${seed}: ${cases} connections in ${took.toFixed(1)} s (${clean} clean), ${bytes} bytes`)
  console.log(
    `requests: ${read} readable, ${arrived} reached an app, ${answers} answers; streams that end bad ${bad}, unfinished ${inside}`,
  )
  console.log(
    `mutations: ${[...tried]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')}`,
  )
  for (const { index, wrong } of violations) for (const one of wrong) console.log(`VIOLATION in case ${index}: ${one}`)
  if (crashed !== null && violations.length === 0) console.log(`VIOLATION: ${crashed}`)
  console.log(violations.length === 0 && crashed === null ? 'nothing found' : `${violations.length} cases went wrong`)
  return violations.length > 0 || crashed !== null
}

function save(index: number, { text, cuts, ends }: Input, read: StreamRead, heard: string, seen: Seen): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'quaymaster-fuzz-'))
  const file = path.join(folder, `seed-${seed}-case-${index}.json`)
  const arrivals = seen.arrivals.map(({ message, answer, marker }) => ({ raw: message.raw, answer, marker }))
  const again = `npm run fuzz -- --seed ${seed} --case ${index} --lanes ${lanes}`
  fs.writeFileSync(
    file,
    JSON.stringify({ again, sent: text, cuts, ends, read, arrivals, bad: seen.bad, heard }, null, 2),
  )
  return file
}

function counts(): Promise<Counts> {
  return tell<Counts>('count')
}

/** Sends one message to the gateway's process and resolves with its answer. */
function tell<T>(message: object | string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`The gateway does not answer: ${crashed ?? stderr}`)), 10_000)
    gateway.once('message', (answer) => {
      clearTimeout(late)
      resolve(answer as T)
    })
    gateway.send(message)
  })
}

function routeTo(word: string, port: number, run: number): Route {
  return {
    app: word,
    path: `/api/${word}`,
    hosts: [],
    strip: true,
    auth: 'token',
    hold: { for: 500, max: 100 },
    poison: null,
    replay: null,
    // A client that has left is not seen while what it sent before waits to be read; this ends such a wait.
    timeouts: { connect: 2_000, response: 2_000, idle: 0, total: 0 },
    connections: { max: 4_096, queue: 1_024, idle: null },
    streams: 0,
    target: { kind: 'ready', upstreams: [{ run, host: '127.0.0.1', port }] },
  }
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
