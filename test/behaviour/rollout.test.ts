import assert from 'node:assert/strict'
import test from 'node:test'
import type { AppFile } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { end } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

function hello(version: string): AppFile {
  return { fixture: 'hello.cjs', words: { version } }
}

async function rejection(gateway: Gateway, words: RegExp): Promise<string> {
  return eventually(
    async () => {
      const reason = (await gateway.app('hello')).rejected?.reason ?? ''
      return words.test(reason) && reason
    },
    { what: `a rejection: ${String(words)}` },
  )
}

for (const workers of ['1', '2']) {
  test(`a version that answers 500 is taken back and fails no GET (${workers} threads)`, async (t) => {
    await using gateway = await startGateway({ apps: { 'hello.cjs': hello('good') }, args: ['--workers', workers] })
    const { pid } = await gateway.events.ready('hello')
    await using load = startLoad(gateway, { rps: 150, path: '/hello/' })
    await eventually(() => load.shots.length > 50, { what: 'some answers of the good version' })
    await gateway.folder.put('hello.cjs', { fixture: 'answers-500.cjs', words: { version: 'bad' } })
    t.diagnostic(await rejection(gateway, /of its \d+ answers were 5xx/))
    assert.deepEqual(failures(await load.stop()), [])
    const answer = await ask(gateway, '/hello/')
    assert.equal(answer.headers['x-pid'], String(pid))
    assert.equal((await gateway.app('hello')).instances[0]?.pid, pid)
  })
}

test('a version that serves for a second and dies is taken back and fails no GET', async (t) => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': hello('good') },
    // Its second is over before the soak is, however late it hears of the time.
    config: { defaults: { rollout: { soak: '15s' } } },
  })
  const { pid } = await gateway.events.ready('hello')
  await using load = startLoad(gateway, { rps: 100, path: '/hello/' })
  await gateway.folder.put('hello.cjs', { fixture: 'crash-later.cjs', words: { version: 'bad' } })
  t.diagnostic(await rejection(gateway, /exited with code 3 after .* of service: ran out of luck/))
  const shots = await load.stop()
  assert.deepEqual(failures(shots), [])
  assert.ok(shots.some(({ body }) => body === 'crash-later bad\n'))
  assert.equal((await ask(gateway, '/hello/')).headers['x-pid'], String(pid))
})

test('with a share the new version gets its part of the requests, and all of them once it is proven', async () => {
  await using gateway = await startGateway({
    apps: { 'hello.cjs': hello('old') },
    config: { apps: { hello: { rollout: { soak: '30s', share: 0.25 } } } },
  })
  await gateway.events.ready('hello')
  const since = gateway.events.mark()
  await gateway.folder.put('hello.cjs', hello('new'))
  await gateway.events.ready('hello', { since })
  const bodies: string[] = []
  for (let i = 0; i < 40; i++) bodies.push((await ask(gateway, '/hello/')).body)
  assert.equal(bodies.filter((body) => body === 'hello new\n').length, 10)
  const { state, reason } = await gateway.app('hello')
  assert.equal(state, 'replacing')
  assert.match(reason ?? '', /on trial for another \d+\.\ds, the one before it stands by/)
})

test('a POST is delivered once, as it was answered, also by a version on trial', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('old') } })
  await gateway.events.ready('hello')
  const since = gateway.events.mark()
  await gateway.folder.put('hello.cjs', { fixture: 'answers-500.cjs', words: { version: 'new' } })
  await gateway.events.ready('hello', { since })
  const posted = await ask(gateway, '/hello/', { method: 'POST', body: 'x' })
  assert.deepEqual([posted.status, posted.body], [500, 'answers-500 new\n'])
  assert.equal((await ask(gateway, '/hello/')).body, 'hello old\n')
})

test('a version that dies on trial while the gateway does not run is taken back, not taken for proven', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': hello('old') } })
  const { pid } = await gateway.events.ready('hello')
  const since = gateway.events.mark()
  await gateway.folder.put('hello.cjs', hello('new'))
  const candidate = await gateway.events.ready('hello', { since })
  end(gateway.pid, 'SIGSTOP')
  end(candidate.pid)
  // Longer than the soak: there is no event to wait for while the one who tells of it is stopped.
  await new Promise((resolve) => setTimeout(resolve, 2_500))
  end(gateway.pid, 'SIGCONT')
  await rejection(gateway, /was killed by SIGKILL/)
  assert.equal((await ask(gateway, '/hello/')).headers['x-pid'], String(pid))
})
