import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'node:test'
import { sample, uint8Array } from 'fast-check'
import { brief, openBench, shellScript } from './intake-bench.ts'

test('an impossible name is listed under itself, with a good one to take', async () => {
  await using bench = await openBench()
  await bench.drop('My App.sh', shellScript)
  const reason = await bench.refused('My App.sh')
  assert.match(reason, /lower-case letters, digits and hyphens/)
  assert.ok(
    reason.endsWith(`mv '${path.join(bench.appsDir, 'My App.sh')}' ${path.join(bench.appsDir, 'my-app.sh')}`),
    reason,
  )
  for (const name of ['-dash', 'Grüße', 'a.b.c', `${'x'.repeat(251)}.sh`]) {
    await bench.drop(name, shellScript)
    await bench.refused(name)
  }
  const mark = bench.mark()
  await rm(path.join(bench.appsDir, 'My App.sh'))
  await bench.until((it) => it.type === 'vanished' && it.app === 'My App.sh', mark)
})

test('of two files with one name the first known keeps it, and the other takes over when it goes', async () => {
  await using bench = await openBench()
  await bench.drop('hello.py', shellScript)
  const first = await bench.offered('hello')
  await bench.drop('hello.mjs', shellScript)
  assert.equal(
    await bench.refused('hello.mjs'),
    `${path.join(bench.appsDir, 'hello.mjs')} is not run: the name hello is taken by ${path.join(bench.appsDir, 'hello.py')}; rename or remove one of them`,
  )
  await mkdir(path.join(bench.appsDir, 'hello'))
  await writeFile(path.join(bench.appsDir, 'hello', 'run'), shellScript, { mode: 0o755 })
  await bench.refused('hello/')
  assert.ok(!bench.events.some((it) => it.type === 'refused' && it.app === 'hello'))
  assert.equal(first.launch.source, path.join(bench.appsDir, 'hello.py'))

  const mark = bench.mark()
  await rm(path.join(bench.appsDir, 'hello.py'))
  const next = await bench.offered('hello', mark)
  assert.equal(next.launch.source, path.join(bench.appsDir, 'hello.mjs'))
  const said = bench.events
    .slice(mark)
    .filter((it) => it.app !== 'hello/')
    .map((it) => `${it.type} ${it.app}`)
  assert.deepEqual(said.slice(0, 3), ['vanished hello', 'vanished hello.mjs', 'offered hello'])
  // The third in line is told who is in its way now.
  await rm(path.join(bench.appsDir, 'hello.mjs'))
  await bench.until((it) => it.type === 'offered' && it.launch.source.endsWith('hello/run'), mark)
})

test('at start-up names are given out in their order', async () => {
  await using bench = await openBench({
    before: async (appsDir) => {
      for (const name of ['hello.sh', 'hello.py', 'hello.mjs', 'hello.js']) {
        await writeFile(path.join(appsDir, name), shellScript, { mode: name === 'hello.js' ? 0o644 : 0o755 })
      }
      await writeFile(path.join(appsDir, 'hello.cjs'), 'exports.a = 1\n')
    },
  })
  const { launch } = await bench.offered('hello')
  assert.equal(path.basename(launch.source), 'hello.mjs')
  for (const name of ['hello.js', 'hello.py', 'hello.sh']) await bench.refused(name)
  assert.ok(!bench.events.some((it) => it.app === 'hello.cjs'))
})

test('what is no app is not mentioned at all', async () => {
  await using bench = await openBench()
  const passed = [
    '.hidden',
    'app~',
    'x.swp',
    'y.part',
    'z.crdownload',
    'README',
    'README.md',
    'LICENSE',
    'data.json',
    'a.db',
    'p.css',
  ]
  for (const name of passed) await bench.drop(name, shellScript)
  await bench.drop('lib.js', 'export const a = 1\n', 0o644)
  await bench.drop('data.csv', '', 0o644)
  await mkdir(path.join(bench.appsDir, 'node_modules'))
  await bench.drop('hello', shellScript)
  await bench.offered('hello')
  assert.ok(
    bench.events.every((it) => it.app === 'hello'),
    bench.events.map(brief).join('\n'),
  )
})

test('no byte in a file name breaks anything', async (t) => {
  await using bench = await openBench()
  const names = sample(
    uint8Array({ minLength: 1, maxLength: 40, size: 'max' }).filter(
      (it) => !it.includes(0) && !it.includes(47) && it[0] !== 46,
    ),
    { numRuns: 40, seed: 7 },
  )
  if (process.platform === 'linux') {
    const script = 'for name; do printf "#!/bin/sh\\n" > "$name"; chmod +x "$name"; done'
    // Only a shell can be given bytes that are no text.
    const args = names.map((it) => [...it].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join(''))
    execFileSync(
      'sh',
      ['-c', `for escaped; do name=./$(printf '%b.' "$escaped"); set -- "\${name%.}"; ${script}; done`, 'sh', ...args],
      {
        cwd: bench.appsDir,
        stdio: 'ignore',
      },
    )
  }
  await bench.drop('a\nb', shellScript)
  await bench.drop("it's; rm -rf $HOME", shellScript)
  await bench.drop('hello', shellScript)
  await bench.offered('hello')
  await bench.refused('a\\x0ab')
  assert.match(await bench.refused("it's; rm -rf $HOME"), /mv '.*it'\\''s; rm -rf \$HOME'/)
  t.diagnostic(`${bench.events.length} events`)
  if (process.platform === 'linux') {
    const other = await bench.until((it) => it.type === 'refused' && it.reason.includes('UTF-8'))
    assert.match(other.app, /\ufffd/)
  }
  assert.deepEqual(bench.notices, [])
  assert.ok(bench.events.every((it) => !/\p{Cc}/u.test(it.app)))
})
