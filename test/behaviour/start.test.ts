import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { createFolder, root } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { slowness } from '../support/pace.ts'
import { eventually } from '../support/wait.ts'

test('the first app is ready within 3 s of the start of the process', async (t) => {
  const began = performance.now()
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  t.diagnostic(`listening after ${(performance.now() - began).toFixed(0)} ms`)
  await gateway.events.ready('hello')
  const took = performance.now() - began
  t.diagnostic(`first app ready after ${took.toFixed(0)} ms`)
  assert.ok(took < 3_000 * (await slowness()), `ready only after ${took} ms`)
  assert.equal((await ask(gateway, '/hello/')).status, 200)
})

test('what is said with --json is one JSON object a line, and the first ready app names its run, pid and port', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const { run, pid, port } = await gateway.events.ready('hello')
  assert.ok(run > 0 && pid > 0 && port > 0)
  assert.deepEqual(gateway.events.text, [])
  assert.equal(gateway.pid, gateway.child.pid)
  assert.match(gateway.url, /^http:\/\/(localhost|127\.0\.0\.1):\d+\/?$/)
  assert.match(gateway.adminUrl, /^http:\/\/127\.0\.0\.1:\d+\/?$/)
})

test('an empty folder without apps/ and without a config works, and the first app dropped into it is served', async () => {
  await using folder = await createFolder()
  await fs.rmdir(folder.apps)
  await using gateway = await startGateway({ folder })
  await fs.mkdir(folder.apps, { recursive: true })
  await folder.put('hello.cjs', 'hello.cjs')
  await gateway.events.ready('hello')
  assert.equal((await ask(gateway, '/hello/')).status, 200)
})

test("the repository's own apps come up, or say what they need", async (t) => {
  await using folder = await createFolder()
  await fs.cp(path.join(root, 'apps'), folder.apps, { recursive: true })
  await using gateway = await startGateway({ folder })
  const apps = await eventually(
    async () => {
      const { apps } = await gateway.status()
      return apps.length > 0 && apps.every(({ state }) => ['ready', 'refused'].includes(state)) && apps
    },
    { what: 'every sample app to be ready or refused' },
  )
  t.diagnostic(apps.map(({ name, state }) => `${name}: ${state}`).join(', '))
  assert.ok(apps.length >= 4)
  for (const { state, reason } of apps) if (state !== 'ready') assert.match(reason ?? '', /needs \w+/)
  assert.equal((await ask(gateway, '/hello/')).status, 200)
})
