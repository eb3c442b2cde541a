import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUnix } from '../../src/supervisor/unix-listeners.ts'

test('of all sockets at a path only a listening one counts, and a path may have spaces', () => {
  const text = [
    'Num       RefCount Protocol Flags    Type St Inode Path',
    '0000000000000000: 00000002 00000000 00010000 0001 01 31415 /state/sockets/1.sock',
    '0000000000000000: 00000003 00000000 00000000 0001 03 31416 /state/sockets/1.sock',
    '0000000000000000: 00000002 00000000 00010000 0001 01 31417 /other/state/sockets/1.sock',
    '0000000000000000: 00000002 00000000 00010000 0001 01 31418 /my state/1.sock',
    '0000000000000000: 00000003 00000000 00000000 0001 03 31419',
    '',
  ].join('\n')
  assert.deepEqual(parseUnix(text, '/state/sockets/1.sock'), [{ host: '', port: 0, inode: 31_415 }])
  assert.deepEqual(parseUnix(text, '/my state/1.sock'), [{ host: '', port: 0, inode: 31_418 }])
})
