import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'

import { openFrontDoor } from '../../src/gateway/open.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Target } from '../../src/model/route.ts'
import { Journal, noExchanges } from '../../src/observe/journal.ts'
import { readRequestLines } from '../../src/observe/request-line.ts'
import { eventually } from '../support/wait.ts'
import { ask, soon, stage } from './stage.ts'

test('two threads share a port: every connection is served, and each exchange is in the one journal', async () => {
  await using it = await stage((_request, response) => void response.end('hi'))
  it.route(it.ready)
  await soon(async () => assert.equal(await ask(it.gateway), '200 hi'))
  for (let i = 0; i < 40; i++) assert.equal(await ask(it.gateway), '200 hi')
  await soon(() => {
    const told = it.entries.filter((entry) => entry.type === 'exchanges')
    const exchanges = told.flatMap(({ lines }) => readRequestLines(lines))
    assert.equal(
      exchanges.length,
      told.reduce((sum, { count }) => sum + count, 0),
    )
    const served = exchanges.filter(({ status, bytesOut, app }) => status === 200 && bytesOut === 2 && app !== null)
    assert.ok(served.length >= 41)
    assert.equal(new Set(served.map(({ id }) => id)).size, served.length)
  })
})

test('exchanges that nobody looks at are not brought from their threads, until somebody does', async () => {
  await using it = await stage((_request, response) => void response.end('hi'))
  it.route(it.ready)
  it.interest.least = noExchanges
  await soon(async () => {
    const before = it.entries.length
    for (let i = 0; i < 40; i++) assert.equal(await ask(it.gateway), '200 hi')
    assert.equal(it.entries.length, before)
  })
  it.interest.least = 0
  const before = it.entries.length
  await soon(async () => {
    assert.equal(await ask(it.gateway), '200 hi')
    assert.ok(it.entries.length > before)
  })
})

test('a run is drained when the last thread has nothing in flight on it', async () => {
  const waiting: http.ServerResponse[] = []
  await using it = await stage((_request, response) => void waiting.push(response))
  it.route(it.ready)
  const asked = Array.from({ length: 8 }, () => ask(it.gateway))
  await soon(() => assert.equal(waiting.length, 8))
  it.route({ kind: 'waiting', why: 'test', until: null }, [1])
  const drained = (): boolean => it.reports.some((report) => report.type === 'drained' && report.run === 1)
  for (const response of waiting.slice(0, 7)) response.end('late')
  assert.equal(drained(), false)
  waiting[7]?.end('late')
  await Promise.all(asked)
  await soon(() => assert.ok(drained()))
  assert.equal(it.reports.filter((report) => report.type === 'drained').length, 1)
})

test('the bound on those who wait holds for all threads together, and a thread that dies gives back its places', async () => {
  await using it = await stage((_request, response) => void response.end('hi'))
  const waiting: Target = { kind: 'waiting', why: 'test', until: null }
  /** Many ask, on connections that the kernel spreads over the threads; resolves with the answers of those who wait. */
  const crowd = async (): Promise<Promise<string>[]> => {
    let waits = true
    // A thread that has not yet heard that there is something to wait for answers at once, and is asked again.
    const one = async (): Promise<string> => {
      for (;;) {
        const answer = await ask(it.gateway).catch(() => 'lost')
        if (!waits || answer.startsWith('503')) return answer
      }
    }
    const left = new Set(Array.from({ length: 16 }, one))
    for (const asked of left) void asked.then(() => left.delete(asked))
    await soon(() => assert.ok(left.size <= 3))
    waits = false
    return [...left]
  }
  it.route(waiting, [], 3)
  const first = await crowd()
  assert.equal(first.length, 3)
  it.route(it.ready, [], 3)
  assert.deepEqual(await Promise.all(first), ['200 hi', '200 hi', '200 hi'])
  it.route(waiting, [], 3)
  const second = await crowd()
  assert.equal(second.length, 3)
  await Promise.all(it.workers.splice(0).map((worker) => worker.terminate()))
  assert.deepEqual(await Promise.all(second), ['lost', 'lost', 'lost'])
  await soon(() => assert.equal(it.workers.length, 2))
  const third = await crowd()
  assert.equal(third.length, 3)
  it.route(it.ready, [], 3)
  assert.deepEqual(await Promise.all(third), ['200 hi', '200 hi', '200 hi'])
})

test('failed sign-ins at one thread count at the others', async () => {
  await using it = await stage((_request, response) => void response.end())
  const signIn = async (): Promise<number | undefined> => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Host: 'localhost' }
    const request = http.request(`${it.gateway.url}/-/login`, { method: 'POST', headers, agent: false })
    const [response] = (await once(request.end('token=wrong'), 'response')) as [http.IncomingMessage]
    await response.resume().toArray()
    return response.statusCode
  }
  let failed = 0
  for (let refused = 0; refused < 10;) {
    const status = await signIn()
    if (status === 401) failed += 1
    refused = status === 429 ? refused + 1 : 0
  }
  // Ten would be exact; the others hear of one a moment later. Each by itself would have allowed ten.
  assert.ok(failed < 15, String(failed))
})

test('a thread that dies takes only its own connections with it and is replaced', async () => {
  await using it = await stage((_request, response) => void response.end('hi'))
  it.route(it.ready)
  await soon(async () => assert.equal(await ask(it.gateway), '200 hi'))
  // Enough kept connections that both threads have some.
  const agents = Array.from({ length: 16 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }))
  for (const agent of agents) assert.equal(await ask(it.gateway, agent), '200 hi')
  assert.equal(it.workers.length, 2)
  await it.workers[0]?.terminate()
  const results = await Promise.allSettled(agents.map((agent) => ask(it.gateway, agent)))
  const alive = results.filter((result) => result.status === 'fulfilled').length
  assert.ok(alive >= 1, 'the other thread has kept its connections')
  await soon(() => assert.equal(it.workers.length, 3))
  await soon(async () => {
    for (let i = 0; i < 10; i++) assert.equal(await ask(it.gateway), '200 hi')
  })
  for (const agent of agents) agent.destroy()
})

test('a port that is taken is told in one sentence, however many threads there are', async () => {
  await using it = await stage((_request, response) => void response.end())
  const journal = new Journal()
  const options = {
    host: '127.0.0.1',
    auth: { tokens: [] },
    journal,
    clock: systemClock,
    report: () => {},
    notice: () => {},
  }
  for (const workers of [1, 2]) {
    await assert.rejects(
      openFrontDoor({ ...options, port: it.gateway.port, workers }),
      /Cannot listen on 127\.0\.0\.1:\d+: another program/,
    )
  }
})

test('a run that is to drain while no thread lives is drained', async () => {
  await using stageOf = await stage((_, response) => response.end('ok'))
  const { gateway, workers, reports, ready } = stageOf
  stageOf.route(ready)
  await Promise.all(workers.map((worker) => worker.terminate()))
  assert.deepEqual(gateway.inflight(), [])
  stageOf.route({ kind: 'waiting', why: 'starting', until: null }, [1])
  await eventually(() => reports.some(({ type }) => type === 'drained'), { what: 'the report' })
})
