import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, percentile, startLoad } from '../support/load.ts'
import { slowness } from '../support/pace.ts'
import { usageOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

/** `yes | head -c 1G` into a pipe that somebody reads as fast as he can takes about a second here. */
const longest = 60_000
const mostMemory = 200 * 1024 ** 2

test('a gigabyte on stdout is taken, memory stays bounded, and the other app keeps its latency', async (t) => {
  await using gateway = await startGateway({ apps: { 'flood.cjs': 'flood.cjs', 'other.cjs': 'hello.cjs' } })
  await gateway.events.ready('flood')
  await gateway.events.ready('other')
  await using quiet = startLoad(gateway, { rps: 50, path: '/other/' })
  while (quiet.shots.length < 100) await new Promise((resolve) => setTimeout(resolve, 10))
  const before = await quiet.stop()
  const start = usageOf(gateway.pid)

  await ask(gateway, '/flood/start')
  await using load = startLoad(gateway, { rps: 50, path: '/other/' })
  let most = start.rss
  const { took } = await eventually(
    async () => {
      most = Math.max(most, usageOf(gateway.pid).rss)
      const answer = (await ask(gateway, '/flood/')).json() as { took: number | null }
      return answer.took !== null && answer
    },
    { timeout: longest, what: 'the gigabyte to be written' },
  )
  const shots = await load.stop()
  const slow = await slowness()
  t.diagnostic(`written in ${took} ms`)
  t.diagnostic(`RSS from ${(start.rss / 1e6).toFixed(0)} to at most ${(most / 1e6).toFixed(0)} MB`)
  for (const [when, some] of Object.entries({ before, during: shots })) {
    const [half, most] = [percentile(some, 0.5), percentile(some, 0.95)]
    t.diagnostic(`the other app ${when}: half within ${half.toFixed(1)} ms, 95 % within ${most.toFixed(1)} ms`)
  }
  assert.deepEqual(failures(shots), [])
  assert.ok(most - start.rss < mostMemory, `RSS grew to ${(most / 1e6).toFixed(0)} MB`)
  assert.ok(percentile(shots, 0.95) < 150 * slow, `95 % within ${percentile(shots, 0.95)} ms`)
  const tail = await gateway.folder.cli('logs', 'flood')
  assert.equal(tail.code, 0, tail.stderr)
  assert.match(tail.stdout, /verbose, about it all/)
  assert.ok(tail.stdout.length < 5_000_000)
})

test('10 MB without a newline, bytes that are no UTF-8, NUL and a last line without its end are survived', async () => {
  await using gateway = await startGateway({ apps: { 'noisy.py': 'noisy.py' } })
  await gateway.events.ready('noisy')
  for (const line of [/^plain line$/, /^invalid .* utf-8$/, /^nul .* byte$/]) {
    await gateway.events.waitFor(({ event, line: seen }) => event === 'output' && line.test(String(seen)), String(line))
  }
  const { stdout } = await gateway.folder.cli('logs', 'noisy')
  // A log that is read in a terminal must not be able to clear it.
  assert.ok(!stdout.includes('\x1b[2J') && !stdout.includes('\0'), 'control characters went through')
  assert.ok(stdout.length < 2_000_000, `${stdout.length} characters`)
  // Some of the 10 MB may have been dropped; what comes later is told again.
  const since = gateway.events.mark()
  await eventually(
    async () => {
      assert.equal((await ask(gateway, '/noisy/')).body, 'noisy\n')
      return gateway.events.seen.slice(since).some(({ line }) => line === 'asked')
    },
    { what: 'lines to be told again after the flood' },
  )
  await ask(gateway, '/noisy/last')
  await gateway.events.waitFor(({ line }) => line === 'no newline at the end', 'the line without an end')
})
