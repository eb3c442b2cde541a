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

test('the help of status says what its memory counts, and what the limit does', async () => {
  await using folder = await createFolder()
  const { stdout } = await folder.cli('status', '--help')
  assert.match(stdout, /MEMORY is what all processes of an instance have resident.*\n.*limits\.memory/)
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
    [
      ['up', '--prot', '1'],
      /unknown option '--prot'\n\(Did you mean --port\?\)\n\(quaymaster up --help shows what there is\)/,
    ],
    [['up', '--workers', 'auto', '--admin-port', '8080'], /^--admin-port is the port of listen too; .* or take 0/],
    [['up', '--config', '/nope'], /^\/nope {2}It does not exist\.$/m],
    [['up', 'surplus'], /too many arguments/],
    [['restart'], /missing required argument 'app'/],
    [['logs', '-n', 'x'], /whole number/],
    [['deploy', 'a.cjs', '--as', ''], /argument '' is invalid\. It must not be empty\./],
    [['restart', ''], /argument value '' is invalid for argument 'app'\. It must not be empty\./],
    [['versions', ''], /for argument 'app'\. It must not be empty/],
    [['rollback', 'ws', ''], /for argument 'version'\. It must not be empty/],
  ]
  for (const [args, expected] of mistakes) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, expected)
  }
  assert.deepEqual(await fs.readdir(folder.dir), ['apps'])
})

test('a configuration that ends the process is a mistake in it, not the end of everything', async () => {
  await using folder = await createFolder({ config: '\nprocess.exit(0)' })
  for (const args of [
    ['up', '--port', '0', '--admin-port', '0'],
    ['token', '--config', 'gateway.config.ts'],
  ]) {
    const { code, stdout, stderr } = await folder.cli(...args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(
      stderr,
      /^gateway\.config\.ts:2 {2}It throws an error: process\.exit\(0\) was called, .*remove the call\.\n$/,
    )
  }
})

const commands = ['up', 'status', 'logs', 'start', 'stop', 'restart', 'deploy', 'versions', 'rollback', 'down', 'token']
