import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { openControlSocket, type ControlSocket } from '../../src/admin/socket.ts'
import { readOrCreateToken } from '../../src/admin/token.ts'
import { appStatus, FakeControl } from '../admin/fake-control.ts'
import { bin, cleanEnvironment, createFolder, type Folder } from '../support/folder.ts'

test('without a gateway every command says so, and how to start one', async (t) => {
  const { folder } = await setUp(t, { running: false })
  for (const args of [['status'], ['logs'], ['restart', 'hello'], ['down']]) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.equal(code, 1, args.join(' '))
    assert.equal(
      stderr,
      `No gateway is running here (state folder ${folder.path('.quaymaster')}). Start one with: quaymaster up\n`,
    )
    assert.equal(stdout, '')
  }
})

test('a command ends although the configuration leaves something running', async (t) => {
  const { folder } = await setUp(t)
  await folder.write('gateway.config.mjs', 'setInterval(() => {}, 1_000)\nexport default {}\n')
  const { code, stdout, stderr } = await folder.cli('status')
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^Quaymaster /)
})

test('status is a table with what there is to explain below it', async (t) => {
  const { folder, control } = await setUp(t)
  control.apps = [
    appStatus('hello', { instances: [...appStatus('hello').instances, ...appStatus('hello').instances] }),
    appStatus('clock', { state: 'refused', reason: 'needs \u001b[2Jpython3', instances: [], version: null }),
    appStatus('api', { rejected: { version: 'bbbbbbbbbbbb', reason: 'exit 1', at: '2026-11-22T12:00:00Z' } }),
  ]
  const { code, stdout, stderr } = await folder.cli('status')
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(
    stdout,
    `Quaymaster 1.2.3, PID ${process.pid}, http://localhost:8080/

NAME   STATE    RUN  PID  PORT   UPTIME  MEMORY  CPU   FALLS  VERSION   URL
hello  ready    1    77   40001  1m 5s   48 MB   1.2s  0      01234567  http://localhost:8080/hello/
       ready    1    77   40001  1m 5s   48 MB   1.2s
clock  refused  -    -    -      -       -       -     0      -         -
api    ready    1    77   40001  1m 5s   48 MB   1.2s  0      01234567  http://localhost:8080/api/

clock  needs python3
api    Version bbbbbbbb was rejected and the one before it serves on: exit 1
`,
  )
})

test('a very long name is cut in the table, and whole in the document', async (t) => {
  const { folder, control } = await setUp(t)
  const name = `${'x'.repeat(200)}.sh`
  control.apps = [appStatus(name, { state: 'refused', reason: 'no name', instances: [], version: null })]
  const { stdout } = await folder.cli('status')
  assert.match(stdout, /^x{31}… {2}refused .*\n\nx{31}… {2}no name$/m)
  assert.ok((await folder.cli('status', '--json')).stdout.includes(name))
})

test('status --json is the document of the API', async (t) => {
  const { folder, control } = await setUp(t)
  const { code, stdout } = await folder.cli('status', '--json')
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(control.status())))
})

test('restart, stop and start tell what came of it', async (t) => {
  const { folder, control } = await setUp(t)
  const restarted = await folder.cli('restart', 'hello')
  assert.deepEqual([restarted.code, restarted.stdout], [0, 'hello is ready.\n'])
  assert.deepEqual((await folder.cli('stop', 'hello')).stdout, 'hello is off.\n')
  assert.deepEqual((await folder.cli('start', 'hello')).stdout, 'hello is ready.\n')
  assert.deepEqual(control.commands, [
    ['hello', 'restart'],
    ['hello', 'stop'],
    ['hello', 'start'],
  ])
  const refused = await folder.cli('start', 'clock')
  assert.deepEqual([refused.code, refused.stderr], [1, 'Cannot start "clock": needs python3\n'])
  const unknown = await folder.cli('stop', 'helo')
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'There is no app "helo". Did you mean "hello"?\n'])
})

test('logs are shown with the name of their app, or as JSON', async (t) => {
  const { folder, control } = await setUp(t)
  control.write('clock', 'tick')
  control.write('hello', 'bad\u001b]0;x\u0007 news', 'stderr')
  assert.equal((await folder.cli('logs')).stdout, 'clock │ tick\nhello ! bad news\n')
  assert.equal((await folder.cli('logs', 'clock', '-n', '5')).stdout, 'clock │ tick\n')
  const { stdout } = await folder.cli('logs', '--json', '-n1')
  assert.deepEqual(JSON.parse(stdout), {
    at: 0,
    app: 'hello',
    run: 1,
    stream: 'stderr',
    line: 'bad\u001b]0;x\u0007 news',
  })
  const unknown = await folder.cli('logs', 'clok')
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'There is no app "clok". Did you mean "clock"?\n'])
})

test('logs -f follows until Ctrl-C, and until the gateway ends', async (t) => {
  const { folder, control, socket } = await setUp(t)
  control.write('hello', 'before')
  const follow = async (): Promise<{
    child: ReturnType<typeof spawn>
    text: () => string
    line: () => Promise<void>
  }> => {
    const child = spawn(process.execPath, [bin, 'logs', '-f'], { cwd: folder.dir, env: cleanEnvironment() })
    t.after(() => child.kill('SIGKILL'))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    const line = async (): Promise<void> => void (await once(child.stdout, 'data'))
    await line()
    return { child, text: () => text, line }
  }
  const first = await follow()
  const next = first.line()
  control.write('hello', 'after')
  await next
  assert.equal(first.text(), 'hello │ before\nhello │ after\n')
  first.child.kill('SIGINT')
  assert.deepEqual(await once(first.child, 'exit'), [0, null])
  const second = await follow()
  await socket?.[Symbol.asyncDispose]()
  assert.deepEqual(await once(second.child, 'exit'), [0, null])
})

test('a reader of logs that leaves ends the command quietly', async (t) => {
  const { folder, control } = await setUp(t)
  for (let i = 0; i < 20_000; i += 1) control.write('hello', 'x'.repeat(100))
  const child = spawn(process.execPath, [bin, 'logs', '-n', '20000'], { cwd: folder.dir, env: cleanEnvironment() })
  let stderr = ''
  child.stderr.on('data', (piece) => (stderr += String(piece)))
  await once(child.stdout, 'data')
  child.stdout.destroy()
  assert.deepEqual([await once(child, 'close'), stderr], [[0, null], ''])
})

test('down waits for the end, and says what it waits for', async (t) => {
  const { folder, control, socket } = await setUp(t)
  control.waiting = ['clock (1 request, 12s)']
  const child = spawn(process.execPath, [bin, 'down'], { cwd: folder.dir, env: cleanEnvironment() })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (piece) => (stdout += String(piece)))
  // It ends as soon as it was said what is waited for.
  child.stderr.on('data', (piece) => {
    stderr += String(piece)
    void socket?.[Symbol.asyncDispose]()
  })
  const [code] = (await once(child, 'close')) as [number]
  assert.deepEqual([code, stdout], [0, `Quaymaster (PID ${process.pid}) has stopped.\n`])
  assert.equal(stderr, 'waiting for: clock (1 request, 12s)\n')
})

test('token prints the kept token and nothing else', async (t) => {
  const { folder } = await setUp(t, { running: false })
  const none = await folder.cli('token')
  assert.deepEqual([none.code, none.stdout], [1, ''])
  assert.match(none.stderr, /^No token is kept in .*quaymaster up\n$/)
  const { token } = await readOrCreateToken(folder.path('.quaymaster'))
  const kept = await folder.cli('token')
  assert.deepEqual([kept.code, kept.stdout, kept.stderr], [0, `${token}\n`, ''])
})

test('token does not print an old token when the configuration has tokens of its own', async (t) => {
  const { folder } = await setUp(t, { running: false })
  await readOrCreateToken(folder.path('.quaymaster'))
  const tokens = [{ name: 'ci', sha256: 'a'.repeat(64) }]
  await folder.write('gateway.config.json', JSON.stringify({ auth: { tokens } }))
  for (const args of [['token'], ['token', '--state', '.quaymaster']]) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^The tokens come from the configuration \(auth\.tokens: ci\)/)
  }
})

test('the state folder is found by --state, before or after the command, and by QUAYMASTER_STATE', async (t) => {
  const { folder } = await setUp(t, { state: 'elsewhere' })
  assert.equal((await folder.cli('status')).code, 1)
  assert.equal((await folder.cli('--state', 'elsewhere', 'status')).code, 0)
  assert.equal((await folder.cli('status', '--state', folder.path('elsewhere'))).code, 0)
  const child = spawn(process.execPath, [bin, 'status'], {
    cwd: folder.dir,
    env: { ...cleanEnvironment(), QUAYMASTER_STATE: 'elsewhere' },
    stdio: 'ignore',
  })
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

test('the state folder is found by the configuration, and a mistake in that does not hide a gateway', async (t) => {
  const { folder } = await setUp(t, { state: 'elsewhere' })
  await folder.write('gateway.config.json', '{ "stateDir": "./elsewhere" }')
  assert.equal((await folder.cli('status')).code, 0)
  await fs.rename(folder.path('gateway.config.json'), folder.path('other.json'))
  assert.equal((await folder.cli('status', '--config', 'other.json')).code, 0)
  await folder.write('other.json', '{ "statDir": 1 }')
  assert.equal((await folder.cli('status', '--config', 'other.json')).code, 2)
  const usual = await setUp(t)
  await usual.folder.write('gateway.config.json', '{ broken')
  assert.equal((await usual.folder.cli('status')).code, 0)
})

test('colours are for terminals, or for those who ask for them', async (t) => {
  const { folder } = await setUp(t)
  let stderr = ''
  const status = async (env: NodeJS.ProcessEnv, ...args: string[]): Promise<boolean> => {
    const child = spawn(process.execPath, [bin, 'status', ...args], {
      cwd: folder.dir,
      env: { ...cleanEnvironment(), ...env },
    })
    let text = ''
    child.stdout.on('data', (piece) => (text += String(piece)))
    child.stderr.on('data', (piece) => (stderr += String(piece)))
    await once(child, 'close')
    return text.includes('\u001b[')
  }
  assert.equal(await status({}), false)
  assert.equal(await status({ FORCE_COLOR: '1' }), true)
  assert.equal(await status({ FORCE_COLOR: '1' }, '--no-color'), false)
  assert.equal(await status({ FORCE_COLOR: '1', NO_COLOR: '1' }), false)
  assert.equal(stderr, '', 'Node warned')
})

interface SetUp {
  readonly folder: Folder
  readonly control: FakeControl
  readonly socket: ControlSocket | null
}

async function setUp(t: TestContext, { running = true, state = '.quaymaster' } = {}): Promise<SetUp> {
  const folder = await createFolder()
  const control = new FakeControl()
  const socket = running ? await openControlSocket(path.join(folder.dir, state)) : null
  socket?.serve(control)
  t.after(async () => {
    await socket?.[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })
  return { folder, control, socket }
}
