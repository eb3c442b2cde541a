import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { createFolder } from '../test/support/folder.ts'
import { startGateway } from '../test/support/gateway.ts'
import { ask } from '../test/support/http.ts'
import { failures, percentile, startLoad } from '../test/support/load.ts'
import { eventually } from '../test/support/wait.ts'

/**
 * Replaces an app again and again by `quaymaster deploy`, good and bad versions in turn, under GETs from four clients
 * and a stream of POSTs. No GET may fail, every bad version has to be refused with its own reason and exit code 1, every
 * good one taken with 0, and no POST may reach the app twice.
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    rps: { type: 'string', default: '500' },
    soak: { type: 'string', default: '2s' },
  },
})
const count = Number(values.count)
const clients = 4

const bad: readonly (readonly [kind: string, reason: RegExp])[] = [
  ['exits 1', /exited with code 1 before it was ready: no database/],
  ['never listens', /not ready within 2s/],
  ['answers 500', /of its \d+ answers were 5xx/],
  ['crashes soon', /exited with code 3 after .* of service: out of luck/],
]

await using folder = await createFolder({
  config: {
    defaults: { health: { boot: '2s' }, rollout: { soak: values.soak } },
    apps: { shop: { env: { TALLY: 'tally.txt' }, cwd: '.' } },
    log: { access: 'none' },
  },
})

function source(kind: string, version: number): string {
  const status = kind === 'answers 500' ? 500 : 200
  const lines = [
    '#!/usr/bin/env node',
    `// version ${version}`,
    "const { appendFileSync } = require('node:fs')",
    ...(kind === 'exits 1' ? ["console.error('no database')", 'process.exit(1)'] : []),
    "const server = require('node:http').createServer((request, response) => {",
    "  let body = ''",
    "  request.on('data', (piece) => (body += piece)).on('end', () => {",
    "    if (request.method === 'POST') appendFileSync(process.env.TALLY, body + '\\n')",
    `    response.writeHead(${status}).end('${version}')`,
    '  })',
    '})',
    kind === 'never listens' ? 'setInterval(() => {}, 1000)' : "server.listen(process.env.PORT, '127.0.0.1')",
    ...(kind === 'crashes soon'
      ? ["server.on('listening', () => setTimeout(() => (console.error('out of luck'), process.exit(3)), 400))"]
      : []),
  ]
  return `${lines.join('\n')}\n`
}

async function deploy(kind: string, version: number): Promise<{ code: number | null; stderr: string }> {
  const file = await folder.write('new.cjs', source(kind, version))
  return folder.cli('deploy', file, '--as', 'shop')
}

const faults: string[] = []
{
  await using gateway = await startGateway({ folder })
  const first = await deploy('good', 0)
  if (first.code !== 0) throw new Error(`The first version was not taken: ${first.stderr}`)
  const loads = Array.from({ length: clients }, () => {
    return startLoad(gateway, { rps: Number(values.rps) / clients, path: '/shop/' })
  })
  const over = new AbortController()
  let posted = 0
  const answered = new Map<number, number>()
  const posts = (async () => {
    while (!over.signal.aborted) {
      const { status } = await ask(gateway, '/shop/', { method: 'POST', body: `post-${posted++}` })
      answered.set(status, (answered.get(status) ?? 0) + 1)
    }
  })()
  const began = performance.now()
  let serving = 0
  const refused = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const [kind, reason] = (i % 2 === 0 ? bad[(i / 2) % bad.length] : undefined) ?? (['good', /^$/] as const)
    const { code, stderr } = await deploy(kind, i + 1)
    const isGood = kind === 'good'
    if (isGood) serving = i + 1
    else refused.set(kind, (refused.get(kind) ?? 0) + 1)
    if (code !== (isGood ? 0 : 1)) faults.push(`replacement ${i + 1} (${kind}): exit code ${code}: ${stderr}`)
    else if (!isGood && !reason.test(stderr)) faults.push(`replacement ${i + 1} (${kind}): refused for: ${stderr}`)
    const { body } = await ask(gateway, '/shop/')
    if (body !== String(serving)) faults.push(`after replacement ${i + 1} (${kind}) ${body} serves, not ${serving}`)
  }
  const took = performance.now() - began
  over.abort()
  await posts
  const shots = (await Promise.all(loads.map((load) => load.stop()))).flat()
  const failed = failures(shots)
  for (const failure of failed.slice(0, 20)) faults.push(`GET ${failure}`)
  const tally = await folder.lines('tally.txt')
  const twice = tally.length - new Set(tally).size
  if (twice > 0) faults.push(`${twice} POSTs were delivered twice`)
  await eventually(async () => (await gateway.app('shop')).instances.length === 1, {
    what: 'one instance at the end',
    timeout: 30_000,
  }).catch((error: unknown) => faults.push(String(error)))

  console.log(`replacements:  ${count} in ${(took / 1000).toFixed(0)} s, half of them bad`)
  console.log(`refused:       ${[...refused].map(([kind, n]) => `${kind} ${n}`).join(', ')}`)
  console.log(
    `GETs:          ${shots.length} (${(shots.length / (took / 1000)).toFixed(0)}/s), ${failed.length} failed`,
  )
  console.log(
    `               50 % within ${percentile(shots, 0.5).toFixed(1)} ms, 99 % within ${percentile(shots, 0.99).toFixed(0)} ms, slowest ${percentile(shots, 1).toFixed(0)} ms`,
  )
  console.log(
    `POSTs:         ${posted}, answered ${[...answered].map(([status, n]) => `${status}: ${n}`).join(', ')}, delivered twice: ${twice}`,
  )
}
for (const fault of faults) console.log(`FAULT ${fault}`)
console.log(faults.length === 0 ? 'nothing was lost' : `${faults.length} faults`)
process.exitCode = faults.length === 0 ? 0 : 1
