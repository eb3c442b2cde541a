import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import test from 'node:test'
import type { CrashesDocument } from '../../src/model/crash.ts'
import { createFolder } from '../support/folder.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { type Answer, ask } from '../support/http.ts'
import { failures, startLoad } from '../support/load.ts'
import { end } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

async function crashesOf(gateway: Gateway, ...more: string[]): Promise<CrashesDocument> {
  const { code, stdout, stderr } = await gateway.folder.cli('crashes', 'boom', '--json', ...more)
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as CrashesDocument
}

for (const [instances, workers] of [
  [1, 1],
  [2, 1],
  [2, 2],
] as const) {
  const variant = `${instances} instances, ${workers} workers`
  test(`a request that kills its app is named, and then kept from it, while no other request fails (${variant})`, async (t) => {
    await using gateway = await startGateway({
      apps: { 'boom.cjs': 'boom.cjs' },
      config: { workers, apps: { boom: { instances, hold: { max: 50_000 } } }, log: { access: 'errors' } },
    })
    await gateway.events.waitFor(({ event, state }) => event === 'app' && state === 'ready', 'boom ready')
    const loads = ['/boom/', '/boom/a', '/boom/b?x=1', '/boom/c'].map((path) => startLoad(gateway, { rps: 125, path }))
    await using stack = new AsyncDisposableStack()
    for (const load of loads) stack.use(load)
    const answered = (): number => loads.reduce((sum, { shots }) => sum + shots.length, 0)
    await eventually(() => answered() > 200, { what: 'the load' })
    const first = await ask(gateway, '/boom/boom?secret=1')
    assert.equal(first.status, 502, first.body)
    const { crash, detail } = first.json() as { crash: string; detail: string }
    assert.match(crash, /^boom-\d+-\w+$/)
    assert.match(detail, /crash/)
    const second = await ask(gateway, '/boom/boom?secret=2')
    assert.equal(second.status, 503, second.body)
    assert.match(second.body, /quarantine/)
    assert.ok(Number(second.headers['retry-after']) > 500)
    const since = answered()
    await eventually(() => answered() > since + 500, { what: 'the load to go on' })
    const shots = (await Promise.all(loads.map((load) => load.stop()))).flat()
    assert.deepEqual(failures(shots), [])
    const slowest = Math.max(...shots.map(({ ms }) => ms))
    t.diagnostic(`${shots.length} requests, none failed, slowest ${slowest.toFixed(0)} ms`)

    await gateway.events.waitFor(({ state, id }) => state === 'crashed' && id === crash, 'the report')
    const { crashes, suspects } = await crashesOf(gateway)
    assert.equal(crashes.length, 2, JSON.stringify(crashes))
    assert.equal(crashes[0]?.id, crash)
    // Named as the culprit when nothing else was tried beside it, else at least as one of the suspects.
    const named = [crashes[0]?.culprit, ...(crashes[0]?.suspects ?? []).map(({ shape }) => shape)]
    assert.ok(named.includes('GET /boom?secret'), JSON.stringify(crashes[0]))
    assert.ok(crashes[0]?.output.some(({ line }) => line === 'about to die'))
    assert.equal(crashes[0]?.code, 1)
    assert.doesNotMatch(JSON.stringify(crashes), /secret=/)
    assert.deepEqual(
      suspects.map(({ shape, quarantined }) => ({ shape, quarantined })),
      [{ shape: 'GET /boom?secret', quarantined: true }],
    )
    const file = gateway.folder.path(`.quaymaster/crashes/${crash}.json`)
    assert.equal((await fs.stat(file)).mode & 0o777, 0o600)

    const cleared = await gateway.folder.cli('crashes', 'boom', '--clear')
    assert.match(cleared.stdout, /No request of boom is suspected/)
    assert.deepEqual((await crashesOf(gateway)).suspects, [])
  })
}

test('of requests whose bodies are kept, only those with the body that kills are kept from the app', async () => {
  await using gateway = await startGateway({
    config: { apps: { boom: { replay: { idempotent: true } } }, log: { access: 'errors' } },
  })
  const words = { tally: gateway.folder.path('tally.txt'), died: gateway.folder.path('died') }
  await gateway.folder.put('boom.cjs', { fixture: 'frail.cjs', words })
  await gateway.events.ready('boom')
  const put = (body: string, more = {}): Promise<Answer> => {
    const headers = { 'content-length': body.length, ...more }
    return ask(gateway, '/boom/a', { method: 'PUT', body, headers })
  }
  assert.equal((await put('this will kill')).status, 502)
  const again = await put('this will kill')
  assert.equal(again.status, 503, again.body)
  assert.match(again.body, /PUT \/a #[0-9a-f]{12} is not sent/)
  assert.equal((await put('this will kill', { expect: '100-continue' })).status, 503)
  assert.equal((await put('this will not')).status, 200)
  assert.equal((await put('neither will this', { expect: '100-continue' })).status, 200)
  assert.equal((await put('')).status, 200)
  assert.equal((await gateway.folder.lines('tally.txt')).length, 5)
  const { suspects } = await crashesOf(gateway)
  assert.deepEqual(
    suspects.map(({ shape, quarantined }) => [shape.replace(/[0-9a-f]{12}/, '…'), quarantined]),
    [['PUT /a #…', true]],
  )
})

test('a quarantine outlives its gateway, by an upgrade and by a kill, and can be cleared by the next', async () => {
  await using folder = await createFolder({ apps: { 'boom.cjs': 'boom.cjs' }, config: { log: { access: 'none' } } })
  await using first = await startGateway({ folder })
  await first.events.ready('boom')
  assert.equal((await ask(first, '/boom/boom')).status, 502)
  assert.equal((await ask(first, '/boom/boom')).status, 503)
  const [before] = (await crashesOf(first)).suspects
  const { quarantined, replayed } = await first.app('boom')
  assert.deepEqual(quarantined, [{ shape: 'GET /boom', until: before?.until, crashes: before?.crashes }])
  assert.equal(replayed, 1)
  const { stdout } = await folder.cli('status')
  assert.match(stdout, /^boom +GET \/boom gets a 503 until \d\d:\d\d:\d\d UTC: it was in flight at 2 crashes/m)
  const since = first.events.mark()
  const { code, stderr } = await folder.cli('upgrade')
  assert.equal(code, 0, stderr)
  const heir = await first.events.waitFor(({ event }) => event === 'listening', 'the new gateway', { since })
  assert.equal((await ask(first, '/boom/boom')).status, 503)
  end(Number(heir.pid))
  await first.ended
  await using second = await startGateway({ folder, args: ['--port', String(first.port)] })
  assert.equal((await ask(second, '/boom/boom')).status, 503)
  assert.equal((await ask(second, '/boom/')).status, 200)
  const [after] = (await crashesOf(second)).suspects
  const moved = Date.parse(after?.until ?? '') - Date.parse(before?.until ?? '')
  assert.ok(Math.abs(moved) < 1_000, `${moved} ms`)
  assert.deepEqual({ ...after, until: '' }, { ...before, until: '' })
  assert.equal((await fs.stat(folder.path('.quaymaster/suspicions.json'))).mode & 0o777, 0o600)
  await folder.cli('crashes', 'boom', '--clear')
  assert.equal((await ask(second, '/boom/boom')).status, 502)
})
