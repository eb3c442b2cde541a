import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import getPort from 'get-port'
import { cleanEnvironment, createFolder } from './folder.ts'
import { startGateway } from './gateway.ts'
import { accepts, ask } from './http.ts'
import { failures, startLoad } from './load.ts'
import { end } from './processes.ts'

/** What a series of `kill -9` did to those who called meanwhile. */
export interface Outcome {
  readonly kills: number
  readonly gets: number
  /** A line each. */
  readonly failedGets: readonly string[]
  readonly posts: number
  /** Ids of POSTs that the app saw more than once. */
  readonly duplicated: readonly string[]
  readonly failedPosts: number
  /** Answers to POSTs that failed without the app having been given them: those that had been sent name the crash. */
  readonly unsent: readonly string[]
  /** Milliseconds around each kill in which no GET was answered. */
  readonly gaps: readonly number[]
  /** Milliseconds that the app says it took from its start to listening, each time. */
  readonly boots: readonly number[]
  /** The same program started by a shell under the same load, nobody waiting for it: milliseconds from there. */
  readonly alone: readonly Boot[]
}

/** Of a start without a gateway. */
interface Boot {
  /** To its first accepted connection. */
  readonly accepted: number
  /** To its first answer. */
  readonly answered: number
}

const paths = ['/counting/a', '/counting/b', '/counting/c', '/counting/d']

/** An app of one instance that boots in 300 ms is killed again and again under 500 GETs a second and a stream of POSTs. */
export async function killAgainAndAgain(kills: number, told: (gap: number) => void = () => {}): Promise<Outcome> {
  await using folder = await createFolder({ config: { defaults: { hold: { max: 50_000 } }, log: { access: 'none' } } })
  const tally = folder.path('posts.txt')
  const boots = folder.path('boots.txt')
  const program = { fixture: 'counting.cjs', words: { tally, boots } }
  await folder.put('counting.cjs', program)
  // Beside apps/, with a tally of its own: what the shell starts.
  const words = { tally: folder.path('alone-posts.txt'), boots: folder.path('alone-boots.txt') }
  const copy = await folder.putBeside('alone.cjs', { fixture: 'counting.cjs', words })
  await using gateway = await startGateway({ folder })
  let { pid } = await gateway.events.ready('counting')
  const loads = paths.map((path) => startLoad(gateway, { rps: 125, path }))
  await using stack = new AsyncDisposableStack()
  for (const load of loads) stack.use(load)
  const posts = startPosts(gateway)
  const gaps: number[] = []
  const alone: Boot[] = []
  await pause(served)
  for (let kill = 0; kill < kills; kill++) {
    const since = gateway.events.mark()
    const killed = performance.now()
    end(pid)
    ;({ pid } = await gateway.events.ready('counting', { since, timeout: 30_000 }))
    await pause(served / 2)
    alone.push(await bootAlone(copy))
    await pause(served / 2)
    gaps.push(
      longestGap(
        loads.flatMap(({ shots }) => shots.map(({ at, ms }) => at + ms)),
        killed,
      ),
    )
    told(gaps.at(-1) ?? 0)
  }
  const shots = (await Promise.all(loads.map((load) => load.stop()))).flat()
  const outcome = await posts()
  const seen = await folder.lines('posts.txt')
  return {
    kills,
    gets: shots.length,
    failedGets: failures(shots),
    posts: outcome.length,
    duplicated: seen.filter((id, index) => seen.indexOf(id) !== index),
    failedPosts: outcome.filter(({ ok }) => !ok).length,
    unsent: outcome.filter(({ ok, answer }) => !ok && !answer.includes('"crash":')).map(({ answer }) => answer),
    gaps,
    boots: (await folder.lines('boots.txt')).slice(1).map(Number),
    alone,
  }
}

/** Starts a program as a shell does, and looks for it without a pause: what a crash costs that nobody makes good. */
async function bootAlone(file: string): Promise<Boot> {
  const port = await getPort({ host: '127.0.0.1' })
  const env = { ...cleanEnvironment(), PORT: String(port), HOST: '127.0.0.1' }
  const begun = performance.now()
  const child = spawn('/bin/sh', ['-c', 'exec "$0"', file], { env, stdio: 'ignore' })
  const ended = once(child, 'exit')
  try {
    while (!(await accepts(port))) {
      if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`)
      await pause(1)
    }
    const accepted = performance.now() - begun
    await ask({ port, token: '' }, '/')
    return { accepted, answered: performance.now() - begun }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** It serves at least so long between two kills: a fall is then forgiven, and the next start comes at once (milliseconds). */
const served = 1_100

/** The longest time without an answer, among those that touch the two seconds after `from`. */
function longestGap(answers: readonly number[], from: number): number {
  const times = answers.filter((at) => at > from - 100).sort((a, b) => a - b)
  return times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0)
}

interface Post {
  readonly id: string
  readonly ok: boolean
  readonly answer: string
}

/** 50 POSTs a second, each with an id of its own. */
function startPosts(gateway: Parameters<typeof ask>[0]): () => Promise<readonly Post[]> {
  const sent: Promise<Post>[] = []
  const timer = setInterval(() => {
    const id = String(sent.length)
    const post = ask(gateway, '/counting/post', { method: 'POST', headers: { 'x-id': id }, body: 'x', timeout: 40_000 })
    sent.push(
      post.then(
        ({ status, body }) => ({ id, ok: status === 200, answer: body }),
        (error: unknown) => ({ id, ok: false, answer: String(error) }),
      ),
    )
  }, 20)
  return () => {
    clearInterval(timer)
    return Promise.all(sent)
  }
}
