import { parseArgs } from 'node:util'
import { createFolder } from '../test/support/folder.ts'
import { startGateway } from '../test/support/gateway.ts'
import { ask, open } from '../test/support/http.ts'
import { failures, percentile, startLoad, type Shot } from '../test/support/load.ts'
import { usageOf } from '../test/support/processes.ts'

/**
 * The gateway is upgraded again and again under load: GETs on kept connections, GETs on one connection each, POSTs that
 * the app writes down, an event stream, and a download that is under way each time. No request may fail, every POST
 * arrive once, every stream end in order and every download be whole.
 *
 *     npm run proof:upgrade -- [--times 10] [--rps 500] [--workers 2]
 */

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '10' },
    rps: { type: 'string', default: '500' },
    workers: { type: 'string', default: '1' },
  },
})
const [times, rps] = [Number(values.times), Number(values.rps)]
const clients = 2
/** How long each download takes, milliseconds: longer than the old gateway waits for clients that have just come. */
const download = 2_000

const faults: string[] = []
{
  await using folder = await createFolder({
    config: { log: { access: 'none' }, workers: Number(values.workers) },
    apps: { 'events.cjs': 'sse.cjs', 'slow.cjs': 'slow-response.cjs' },
  })
  const words = { tally: folder.path('posts.txt'), boots: folder.path('boots.txt') }
  await folder.put('counting.cjs', { fixture: 'counting.cjs', words })
  await using gateway = await startGateway({ folder })
  const names = ['counting', 'events', 'slow']
  const apps = await Promise.all(names.map(async (name) => (await gateway.events.ready(name)).pid))
  const load = { rps: rps / 2 / clients, path: '/counting/' }
  const kept = Array.from({ length: clients }, () => startLoad(gateway, load))
  const fresh = Array.from({ length: clients }, () => startLoad(gateway, { ...load, headers: { connection: 'close' } }))
  const over = new AbortController()
  const posts = post(over.signal)
  const streams = follow(over.signal)

  const began = performance.now()
  const took: number[] = []
  for (let time = 1; time <= times; time++) {
    const since = gateway.events.mark()
    const whole = ask(gateway, `/slow/?ms=${download}&stream`)
    await gateway.events.waitFor(({ app, line }) => app === 'slow' && String(line).startsWith('began'), 'a download', {
      since,
    })
    const asked = performance.now()
    const { code, stderr } = await folder.cli('upgrade')
    took.push(performance.now() - asked)
    if (code !== 0) faults.push(`upgrade ${time} ended with ${code}: ${stderr}`)
    const { body } = await whole.catch((error: unknown) => ({ body: String(error) }))
    if (!body.startsWith('begin slow-response')) faults.push(`the download during upgrade ${time}: ${body}`)
  }
  const seconds = (performance.now() - began) / 1_000
  const [keptShots, freshShots] = [await stopAll(kept), await stopAll(fresh)]
  over.abort()
  const [posted, streamed] = [await posts, await streams]
  const delivered = await folder.lines('posts.txt')
  const status = await gateway.status()
  const now = names.map((name) => status.apps.find((app) => app.name === name)?.instances.map(({ pid }) => pid))
  if (String(now) !== String(apps)) faults.push(`the apps are ${String(now)} instead of ${String(apps)}`)
  const failed = [...failures(keptShots), ...failures(freshShots), ...posted.failed, ...streamed.failed]
  faults.push(...failed.slice(0, 20))
  const twice = delivered.length - new Set(delivered).size
  const lost = posted.count - new Set(delivered).size
  if (twice > 0 || lost > 0) faults.push(`${twice} POSTs came twice, ${lost} never`)

  console.log(`upgrades:            ${times} in ${seconds.toFixed(0)} s, ${values.workers} workers`)
  console.log(`an upgrade:          median ${at(took, 0.5)}, longest ${at(took, 1)}, by the command`)
  console.log(`kept connections:    ${told(keptShots)}`)
  console.log(`one for each GET:    ${told(freshShots)}`)
  console.log(
    `POSTs:               ${posted.count}, failed ${posted.failed.length}, came twice ${twice}, never ${lost}`,
  )
  console.log(`event streams:       ${streamed.count} in turn, ${streamed.failed.length} torn`)
  console.log(`thin parents:        ${(usageOf(gateway.pid).rss / 1e6).toFixed(0)} MB the first`)

  /** Fifty a second, each on a connection of its own and with an id that the app writes down. */
  async function post(signal: AbortSignal): Promise<{ count: number; failed: string[] }> {
    const all: Promise<void>[] = []
    const failed: string[] = []
    const timer = setInterval(() => {
      const headers = { 'x-id': String(all.length) }
      const sent = ask(gateway, '/counting/', { method: 'POST', headers, body: 'x', timeout: 40_000 })
      all.push(
        sent.then(
          ({ status, body }) => void (status === 200 || failed.push(`a POST: ${status} ${body}`)),
          (error: unknown) => void failed.push(`a POST: ${String(error)}`),
        ),
      )
    }, 20)
    await aborted(signal)
    clearInterval(timer)
    await Promise.all(all)
    return { count: all.length, failed }
  }

  /** One stream after the other. Each has to end in order and behind an event: an upgrade asks its client to come again. */
  async function follow(signal: AbortSignal): Promise<{ count: number; failed: string[] }> {
    const failed: string[] = []
    let count = 0
    while (!signal.aborted) {
      let text = ''
      try {
        const response = await open(gateway, '/events/', { signal })
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
        for await (const piece of response.setEncoding('utf8')) text = (text + String(piece)).slice(-100)
        count += 1
        if (!text.endsWith('\n\n')) failed.push(`a stream ended within an event: ${text}`)
      } catch (error) {
        if (!signal.aborted) failed.push(`a stream: ${String(error)}`)
      }
    }
    return { count, failed }
  }
}
for (const fault of faults) console.log(`FAULT ${fault}`)
console.log(faults.length === 0 ? 'nothing was lost' : `${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1

async function stopAll(loads: readonly ReturnType<typeof startLoad>[]): Promise<Shot[]> {
  return (await Promise.all(loads.map(async (load) => await load.stop()))).flat()
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

function told(shots: readonly Shot[]): string {
  const within = (share: number): string => `${percentile(shots, share).toFixed(0)} ms`
  const slow = `50 % within ${within(0.5)}, 99 % ${within(0.99)}, slowest ${within(1)}`
  return `${shots.length} GETs, ${failures(shots).length} failed; ${slow}`
}

function at(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b)
  return `${(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0)} ms`
}
