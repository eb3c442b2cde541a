import assert from 'node:assert/strict'
import test from 'node:test'
import { bin, createFolder, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'

interface Report {
  readonly lost: boolean
  readonly results: readonly {
    readonly lesson: string
    readonly sent: number
    readonly failed: number
    readonly held: number
  }[]
}

test('a drill raises a fleet of its own, teaches it lessons under load, and nothing is lost', async () => {
  await using folder = await createFolder()
  const args = [
    'drill',
    '--only',
    'kill,restart,replace,bad:exits,streams,steal-port,gateway',
    '--times',
    '1',
    '--rate',
    '200',
    '--json',
  ]
  const { code, stdout, stderr } = await run(process.execPath, [bin, ...args], { cwd: folder.dir, timeout: 200_000 })
  assert.equal(code, 0, stdout + stderr)
  const { lost, results } = JSON.parse(stdout) as Report
  assert.equal(lost, false)
  assert.deepEqual(
    results.map(({ lesson, failed }) => [lesson, failed]),
    [
      ['kill', 0],
      ['restart', 0],
      ['replace', 0],
      ['bad:exits', 0],
      ['streams', 0],
      ['steal-port', 0],
      ['gateway', 0],
    ],
  )
  assert.ok((results[0]?.held ?? 0) > 0, 'requests waited while the killed app was started again')
  for (const { lesson, sent } of results) assert.ok(sent > 10, `${lesson} was taught under ${sent} requests`)
})

test('an app of a real gateway is drilled only when that is said', async () => {
  await using gateway = await startGateway({ apps: { 'hello.cjs': 'hello.cjs' } })
  const before = await gateway.events.ready('hello')
  const refused = await gateway.folder.cli('drill', 'hello')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /^A drill kills hello again and again\. Say --here if that is meant/)
  assert.equal((await gateway.app('hello')).instances[0]?.run, before.run)
  const unknown = await gateway.folder.cli('drill', 'helo', '--here')
  const why = 'There is no app "helo". Did you mean "hello"?\n'
  assert.deepEqual([unknown.code, unknown.stdout, unknown.stderr], [1, '', why])
  const drilled = await gateway.folder.cli('drill', 'hello', '--here', '--only', 'kill', '--times', '1', '--rate', '50')
  assert.equal(drilled.code, 0, drilled.stdout + drilled.stderr)
  assert.match(drilled.stdout, /^Nothing was lost in 1 lessons: /m)
  assert.notEqual((await gateway.app('hello')).instances[0]?.run, before.run)
  assert.equal((await ask(gateway, '/hello/')).status, 200)
})

test('a lesson that does not exist is named, with those that do', async () => {
  await using folder = await createFolder()
  const { code, stderr } = await folder.cli('drill', '--only', 'kill,nonsense')
  assert.equal(code, 2)
  assert.match(stderr, /^There is no lesson "nonsense"\. There are: kill, /)
})
