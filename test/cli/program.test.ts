import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import test from 'node:test'
import { quaymasterVersion } from '../../src/lib/version.ts'
import { createFolder } from '../support/folder.ts'

test('the version and help go to stdout, end with 0, and leave no trace', async () => {
  await using folder = await createFolder()
  const version = await folder.cli('--version')
  assert.deepEqual([version.code, version.stdout, version.stderr], [0, `${quaymasterVersion()}\n`, ''])
  const all = [['--help'], ['-h'], ['help'], [], ['help', 'up'], ...commands.map((command) => [command, '--help'])]
  for (const args of all) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.deepEqual([code, stderr], [0, ''], args.join(' '))
    assert.match(stdout, /^Usage: quaymaster/)
  }
  assert.deepEqual(await fs.readdir(folder.dir), ['apps'])
})

test('help shows every command, examples, environment variables and exit codes', async () => {
  await using folder = await createFolder()
  const { stdout } = await folder.cli('--help')
  for (const command of commands) assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'))
  for (const word of ['Examples:', 'QUAYMASTER_STATE', 'NO_COLOR', 'Exit codes:'])
    assert.ok(stdout.includes(word), word)
})

test('a mistake in the command line ends with 2, says what is wrong, and starts nothing', async () => {
  await using folder = await createFolder()
  const mistakes: readonly (readonly [string[], RegExp])[] = [
    [['statsu'], /unknown command 'statsu'\n\(Did you mean status\?\)/],
    [
      ['up', '--port', 'abc'],
      /'--port <number>' argument 'abc' is invalid\. It takes a whole number from 0 to 65535\./,
    ],
    [['up', '--port', '65536'], /whole number from 0 to 65535/],
    [['up', '--admin-port', '-1'], /whole number from 0 to 65535/],
    [['up', '--workers', '0'], /whole number from 1 to 256/],
    [['up', '--prot', '1'], /unknown option '--prot'\n\(Did you mean --port\?\)/],
    [['up', 'surplus'], /too many arguments/],
    [['restart'], /missing required argument 'app'/],
    [['logs', '-n', 'x'], /whole number/],
  ]
  for (const [args, expected] of mistakes) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, expected)
  }
  assert.deepEqual(await fs.readdir(folder.dir), ['apps'])
})

const commands = ['up', 'status', 'logs', 'start', 'stop', 'restart', 'down', 'token']
