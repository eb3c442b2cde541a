import assert from 'node:assert/strict'
import test from 'node:test'
import { createFolder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask, hasIpv6 } from '../support/http.ts'
import { eventually } from '../support/wait.ts'

test('an app that listens elsewhere than asked is found and served, with a line that explains it', async (t) => {
  const stubborn = { 'wrong-port.cjs': 'wrong-port.cjs', 'wildcard.cjs': 'wildcard.cjs' }
  await using gateway = await startGateway({
    apps: hasIpv6 ? { ...stubborn, 'ipv6-only.cjs': 'ipv6-only.cjs' } : stubborn,
  })
  if (!hasIpv6) t.diagnostic('this machine has no ::1')
  const expected = { 'wrong-port': /port/i, wildcard: /0\.0\.0\.0/, ...(hasIpv6 ? { 'ipv6-only': /::1/ } : {}) }
  for (const [name, words] of Object.entries(expected)) {
    await gateway.events.ready(name)
    assert.equal((await ask(gateway, `/${name}/`)).body, `${name}\n`)
    const [instance] = (await gateway.app(name)).instances
    t.diagnostic(`${name}: ${instance?.note}`)
    assert.match(instance?.note ?? '', words)
  }
  const wildcard = (await gateway.app('wildcard')).instances[0]?.note ?? ''
  assert.match(wildcard, /authenti|bypass|around/i)
})

test('an app that closes connections which it promised to keep is told of in status, once', async () => {
  await using gateway = await startGateway({ apps: { 'hangs-up.cjs': 'hangs-up.cjs' } })
  await gateway.events.ready('hangs-up')
  const isNoted = async (): Promise<boolean> => {
    assert.equal((await ask(gateway, '/hangs-up/')).status, 200)
    return /Connection: close/.test((await gateway.app('hangs-up')).instances[0]?.note ?? '')
  }
  await eventually(isNoted, { what: 'the note' })
  await ask(gateway, '/hangs-up/')
  const told = gateway.events.seen.filter(({ state }) => state === 'noted')
  assert.equal(told.length, 1)
})

test('an app whose port is taken gets another one', async () => {
  await using folder = await createFolder()
  await folder.put('unlucky.cjs', { fixture: 'port-taken.cjs', words: { tally: folder.path('ports.txt') } })
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('unlucky')
  const ports = (await ask(gateway, '/unlucky/')).json() as string[]
  assert.equal(ports.length, 2)
  assert.notEqual(ports[0], ports[1])
})

test('an app that never listens is given up at its deadline, says so, and is tried again', async () => {
  await using gateway = await startGateway({
    apps: { 'never.cjs': 'never-ready.cjs' },
    config: { defaults: { health: { boot: '300ms' } } },
  })
  const fits = ({ name, state }: { name?: string; state?: string }): boolean => name === 'never' && state === 'fell'
  const first = await gateway.events.waitFor(fits, 'the first fall')
  assert.match(JSON.stringify(first), /300 ?ms|0\.3 ?s/)
  await gateway.events.waitFor((event) => fits(event) && event.run !== first.run, 'the second fall')
})

test('with a health path ready means that it answers well, and an app that falls ill is replaced', async () => {
  const program = [
    '#!/usr/bin/env node',
    'let well = false',
    'setTimeout(() => (well = true), 300)',
    "require('node:http').createServer((request, response) => {",
    "  if (request.url === '/sicken') well = false",
    "  response.statusCode = request.url === '/healthz' && !well ? 503 : 200",
    '  response.end(String(process.pid))',
    '}).listen(Number(process.env.PORT), process.env.HOST)',
  ].join('\n')
  await using gateway = await startGateway({
    apps: { 'patient.cjs': { text: program } },
    config: { apps: { patient: { health: { path: '/healthz', interval: '50ms', misses: 2 } } } },
  })
  const first = await gateway.events.ready('patient')
  const ready = gateway.events.seen.find(({ name, state }) => name === 'patient' && state === 'ready')
  assert.ok(Number(ready?.['took']) >= 290, `ready after ${String(ready?.['took'])} ms`)
  const since = gateway.events.mark()
  await ask(gateway, '/patient/sicken')
  const second = await gateway.events.ready('patient', { since })
  assert.notEqual(second.pid, first.pid)
  assert.equal((await ask(gateway, '/patient/')).body, String(second.pid))
})
