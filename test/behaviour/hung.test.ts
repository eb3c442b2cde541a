import assert from 'node:assert/strict'
import test from 'node:test'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { end, isAlive } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const health = { interval: '200ms', timeout: '300ms', misses: 3, stall: '700ms' }
const apps = ['stopped', 'deadlocked', 'busy', 'deaf']

test('an app that does not answer is told from one that is busy', async (t) => {
  await using gateway = await startGateway({
    apps: { 'slow.cjs': 'slow-response.cjs', ...Object.fromEntries(apps.map((name) => [`${name}.cjs`, 'hang.cjs'])) },
    // Nothing here waits for the end of the drain: a hung app is stopped as soon as there is another.
    config: { defaults: { health, stop: { drain: '30s', grace: '2s' } } },
  })
  await Promise.all([
    t.test('stopped: replaced under load without a failed GET, and after SIGCONT nobody is sent to it', async (t) => {
      if (process.platform !== 'linux') return t.skip('its state is read from /proc')
      const first = await gateway.events.ready('stopped')
      await using load = startLoad(gateway, { rps: 100, path: '/stopped/' })
      await eventually(() => load.shots.length >= 50, { what: 'some load' })
      const since = gateway.events.mark()
      end(first.pid, 'SIGSTOP')
      const fell = await fallOf(gateway, 'stopped', since)
      t.diagnostic(fell)
      assert.match(
        fell,
        /stopped \(SIGSTOP\).*3 times in a row\): stopped.*threads?,.*MB, \d+ connections? not yet acc/,
      )
      end(first.pid, 'SIGCONT')
      const second = await gateway.events.ready('stopped', { since })
      const back = performance.now()
      const answered = load.shots.length
      await eventually(() => load.shots.length >= answered + 100, { what: 'more load' })
      const shots = await load.stop()
      assert.deepEqual(failures(shots), [])
      for (const { at, body } of shots) if (at > back) assert.equal(body, `${second.pid}\n`)
      await eventually(() => !isAlive(first.pid), { what: 'the end of the stopped one' })
      assert.equal((await gateway.app('stopped')).falls.total, 1)
    }),

    t.test('deadlocked: replaced, and what waited and is safe is answered by the next', async (t) => {
      const first = await gateway.events.ready('deadlocked')
      const since = gateway.events.mark()
      // The one that hangs it is a POST, which is never sent again; the GETs behind it are.
      const culprit = ask(gateway, '/deadlocked/deadlock', { method: 'POST', body: 'x' })
      const waiting = Array.from({ length: 5 }, () => ask(gateway, '/deadlocked/'))
      const fell = await fallOf(gateway, 'deadlocked', since)
      t.diagnostic(fell)
      assert.match(fell, /no byte of any answer for [\d.]+m?s, and none to HEAD \/ within 300ms \(3 times in a row\)/)
      const second = await gateway.events.ready('deadlocked', { since })
      const { status, body } = await culprit
      assert.equal(status, 502)
      assert.match(
        body,
        /App was stopped before it answered.*The gateway stopped this instance .* It had failed: see crash deadlocked-\d+-\w+\./,
      )
      for (const answer of await Promise.all(waiting)) assert.equal(answer.body, `${second.pid}\n`)
      await eventually(() => !isAlive(first.pid), { what: 'the end of the hung one' })
    }),

    t.test('busy with one request and answering others: left alone', async () => {
      const { pid } = await gateway.events.ready('busy')
      const gone = new AbortController()
      const long = ask(gateway, '/busy/wait', { signal: gone.signal }).catch(() => null)
      await using load = startLoad(gateway, { rps: 20, path: '/busy/' })
      await eventually(() => load.shots.length >= 60, { what: 'three seconds of load' })
      gone.abort()
      await long
      assert.deepEqual(new Set((await load.stop()).map(({ body }) => body)), new Set([`${pid}\n`]))
      assert.equal((await gateway.app('busy')).falls.total, 0)
    }),

    t.test('slow, but it listens to the next one: waited for', async () => {
      const { pid } = await gateway.events.ready('slow')
      const answer = await ask(gateway, '/slow/?ms=3000')
      assert.equal(answer.headers['x-pid'], String(pid))
    }),

    t.test('deaf, its listener closed: replaced, its requests wait and none is a 502', async () => {
      const first = await gateway.events.ready('deaf')
      await using load = startLoad(gateway, { rps: 50, path: '/deaf/' })
      await eventually(() => load.shots.length >= 20, { what: 'some load' })
      const since = gateway.events.mark()
      await ask(gateway, '/deaf/close')
      assert.match(await fallOf(gateway, 'deaf', since), /connection refused/)
      const second = await gateway.events.ready('deaf', { since })
      const answered = load.shots.length
      await eventually(() => load.shots.length >= answered + 20, { what: 'more load' })
      assert.deepEqual(failures(await load.stop()), [])
      assert.notEqual(second.pid, first.pid)
      await eventually(() => !isAlive(first.pid), { what: 'the end of the deaf one' })
    }),
  ])
})

async function fallOf(gateway: Gateway, app: string, since: number): Promise<string> {
  const fits = ({ name, state }: { name?: string; state?: string }): boolean => name === app && state === 'fell'
  return String((await gateway.events.waitFor(fits, `the fall of ${app}`, { since }))['reason'])
}
