import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { cleanEnvironment, createFolder, type Folder, root, run } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'

const compiler = ['/usr/bin/cc', '/usr/local/bin/cc'].some((file) => existsSync(file))

/** A line between the pasted blocks, so that their answers can be told apart. */
const divider = '---- next block ----'

test("the README's tour does what it says when it is pasted, block after block", async (t) => {
  if (!compiler) return t.diagnostic('there is no C compiler on this machine, and the tour compiles')
  await using folder = await likeTheRepository()
  await using gateway = await startGateway({ folder })
  await Promise.all(['hello', 'clock', 'fortune'].map((name) => gateway.events.ready(name)))
  const blocks = await tour()
  const script = blocks.join(`\necho '${divider}'\n`).replaceAll('localhost:8080', `localhost:${gateway.port}`)
  // curl would ask a proxy that the machine names for the gateway.
  const env = cleanEnvironment({ no_proxy: '*' })
  const { stdout, stderr } = await run('bash', ['-c', script], { cwd: folder.dir, env, timeout: 200_000 })
  const said = stdout.split(`${divider}\n`)
  t.diagnostic(`${blocks.length} blocks`)
  const [, entry = '', compiled = '', crash = '', bad = '', good = '', gone = ''] = said

  assert.match(entry, /^HTTP\/1\.1 401 [\s\S]*problem\+json[\s\S]*QUAYMASTER_RUN/)
  assert.match(compiled, /hello/i, stderr)
  const [before, after] = [...crash.matchAll(/^fortune +(\w+) +(\d+) +(\d+) +\d+ +\S.*? +(\d+) +[0-9a-f]{8} /gm)]
  assert.deepEqual([before?.[1], before?.[4], after?.[1], after?.[4]], ['ready', '0', 'ready', '1'], crash)
  assert.ok(Number(after?.[2]) > Number(before?.[2]) && after?.[3] !== before?.[3], crash)
  assert.match(crash, /\n\n(?!Quaymaster)[\s\S]+\nQuaymaster/, 'the request that waited was answered')
  assert.ok(bad.startsWith(compiled.trim().slice(0, 20)), `the C program serves on: ${bad}`)
  assert.match(bad, /no config found/)
  assert.ok(good.length > 0 && !good.includes('problem'), good)
  assert.match(gone, /404/)
})

/** What somebody has who cloned the repository: its apps, its examples, its bin. */
async function likeTheRepository(): Promise<Folder> {
  const folder = await createFolder()
  for (const name of ['apps', 'examples']) await fs.cp(path.join(root, name), folder.path(name), { recursive: true })
  await fs.symlink(path.join(root, 'bin'), folder.path('bin'))
  return folder
}

async function tour(): Promise<string[]> {
  const readme = await fs.readFile(path.join(root, 'README.md'), 'utf8')
  const section = /^## A 60-second tour\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ''
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
  assert.ok(blocks.length >= 5, 'the tour was not found in the README')
  return blocks
}
