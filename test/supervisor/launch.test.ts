import assert from 'node:assert/strict'
import { test } from 'node:test'
import { launchOf } from '../../src/supervisor/launch.ts'
import { appSettings } from './intake-bench.ts'

const program = { argv: ['/state/hello'], content: 'abc', cwd: '/apps', source: 'apps/hello' }
const settings = appSettings('hello')

test('whatever shapes the process makes another version, whatever does not makes none', () => {
  const { version } = launchOf(program, settings)
  assert.match(version, /^[0-9a-f]{12}$/)
  const shaping = [
    { args: ['-v'] },
    { cwd: '/' },
    { env: { A: '1' } },
    { envFiles: ['/x.env'] },
    { uid: 1 },
    { gid: 1 },
    { umask: 0o27 },
  ]
  const versions = shaping.map((it) => launchOf(program, { ...settings, ...it }).version)
  assert.equal(
    new Set([version, ...versions, launchOf({ ...program, content: 'abd' }, settings).version]).size,
    shaping.length + 2,
  )
  assert.equal(launchOf(program, { ...settings, instances: 5, name: 'other' }).version, version)
  assert.equal(launchOf({ ...program, argv: ['/elsewhere/hello'] }, settings).version, version)
})

test('the order of variables does not matter', () => {
  const a = launchOf(program, { ...settings, env: { A: '1', B: '2' } })
  const b = launchOf(program, { ...settings, env: { B: '2', A: '1' } })
  assert.equal(a.version, b.version)
})

test('arguments follow those of the command, and a relative program is found from the working folder', () => {
  const launch = launchOf(
    { ...program, argv: ['./server', '--port={port}'], cwd: '/apps/chat' },
    { ...settings, args: ['-v'] },
  )
  assert.equal(launch.file, '/apps/chat/server')
  assert.deepEqual(launch.args, ['--port={port}', '-v'])
  assert.equal(launchOf({ ...program, argv: ['node', 'x'] }, settings).file, 'node')
})
