import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { bin, cleanEnvironment, createFolder, root, run } from '../support/folder.ts'

// npm keeps an older Node in place when the version in tools/runtime is edited by hand: the scripts would fall back to it.
test('the tests run on the Node that the repository brings', async () => {
  const manifest = JSON.parse(await fs.readFile(path.join(root, 'tools/runtime/package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const [version] = new Set(Object.values(manifest.optionalDependencies))
  assert.ok(Number(process.versions.node.split('.')[0]) >= 24, process.version)
  const brought = path.join(root, 'node_modules/.bin/node')
  const { stdout } = await run(brought, ['--version'])
  assert.equal(stdout.trim(), `v${version}`)
})

test("the program runs when it is started by the machine's own Node, however old", async () => {
  await using folder = await createFolder()
  // Without node_modules/.bin, which npm puts in front: what a shell has.
  const PATH = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((entry) => !entry.includes('node_modules'))
    .join(path.delimiter)
  const env = cleanEnvironment({ PATH })
  const machine = await run('node', ['--version'], { env })
  const { code, stdout, stderr } = await run('node', [bin, '--version'], { env, cwd: folder.dir })
  assert.equal(code, 0, `on ${machine.stdout}${stderr}`)
  const manifest = JSON.parse(await fs.readFile(path.join(root, 'package.json'), 'utf8')) as { version: string }
  assert.ok(stdout.includes(manifest.version), stdout)
  assert.equal(stderr, '')
})
