import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { isUnderNohup } from '../../src/cli/hangup.ts'
import { startGateway } from '../support/gateway.ts'
import { bin } from '../support/folder.ts'

test('nohup is told by the shell, or by a stdin that can only be written', () => {
  const none = (): null => null
  assert.equal(isUnderNohup({ _: '/usr/bin/nohup' }, none), true)
  assert.equal(isUnderNohup({ _: '/usr/bin/notnohup' }, none), false)
  assert.equal(isUnderNohup({}, none), false)
  assert.equal(
    isUnderNohup({}, () => ({ path: '/dev/null', flags: 0o100001 })),
    true,
  )
  assert.equal(
    isUnderNohup({}, () => ({ path: '/dev/null', flags: 0o100000 })),
    false,
  )
  assert.equal(
    isUnderNohup({}, () => ({ path: '/dev/pts/1', flags: 0o100002 })),
    false,
  )
})

test('a gateway under nohup outlives a hang-up, another one ends in order', async () => {
  await using stays = await startGateway({ command: ['bash', '-c', 'nohup "$@"', 'sh', process.execPath, bin, 'up'] })
  process.kill(stays.pid, 'SIGHUP')
  assert.deepEqual((await stays.status()).closing, false)
  process.kill(stays.pid, 'SIGTERM')
  assert.equal((await stays.ended).code, 0)
  await using goes = await startGateway()
  assert.equal((await goes.stop('SIGHUP')).code, 0)
})

test('the marks of the real nohup are recognised where it stands in for a terminal', async (t) => {
  if (process.platform !== 'linux') return t.diagnostic('only GNU nohup opens /dev/null for writing')
  const file = new URL('../../src/cli/hangup.ts', import.meta.url).href
  const code = `const { isUnderNohup, lookAtStdin } = await import('${file}'); process.exitCode = isUnderNohup({}, lookAtStdin) ? 3 : 4`
  const ask = async (redirection: string): Promise<unknown> => {
    const child = spawn('sh', ['-c', `exec "$0" --input-type=module -e "$1" ${redirection}`, process.execPath, code])
    return (await once(child, 'exit'))[0]
  }
  assert.equal(await ask('0>/dev/null'), 3)
  assert.equal(await ask('</dev/null'), 4)
})
