import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import getPort from 'get-port'
import { drillApp, type Fault } from '../src/cli/drill/app.ts'
import { Load } from '../src/cli/drill/load.ts'

/**
 * `npm run proof:pm2 -- --times N`: the app and the load of `quaymaster drill`, supervised by pm2, with nothing in front:
 * what a crash, a reload and a reload onto a version that cannot start cost its callers. Needs `pm2` in the PATH.
 */

const { values } = parseArgs({ options: { times: { type: 'string', default: '10' } } })
const times = Number(values.times)
/** As `quaymaster drill` has them: milliseconds before the app listens, GETs a second. */
const boot = 300
const rate = 500

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2-drill-'))
const port = await getPort()
const file = path.join(dir, 'drill.cjs')
const env = { ...process.env, PM2_HOME: path.join(dir, 'home'), PORT: String(port), HOST: '127.0.0.1' }
const door = { url: `http://127.0.0.1:${port}/`, token: null }

interface Described {
  readonly pid: number
  readonly pm2_env: { readonly status: string; readonly restart_time: number }
}

const version = pm2('--version')
if (version.status !== 0) {
  console.log('pm2 is not installed: npm install --global pm2')
  process.exit(0)
}

let versions = 0
put(null)
try {
  pm2('start', file, '--name', 'drill')
  await serving()
  console.log(`pm2 ${version.stdout.trim().split('\n').at(-1)}, ${times} times each, ${rate} GETs a second`)
  await lesson('kill -9', async () => process.kill(described().pid, 'SIGKILL'))
  await lesson('reload, good', async () => {
    put(null)
    pm2('reload', 'drill')
  })
  put('exits')
  await lesson('reload, exits', async () => void pm2('reload', 'drill'), 1)
  const { status, restart_time: restarts } = described().pm2_env
  console.log(
    `after the bad version: ${status}, ${restarts} restarts, exit code of reload ${pm2('reload', 'drill').status}`,
  )
} finally {
  pm2('kill')
  fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
}

async function lesson(name: string, teach: () => Promise<unknown>, turns = times): Promise<void> {
  await using load = new Load(door, { clients: 4, rate, posts: 0 })
  await load.settled()
  let failed = 0
  let sent = 0
  const gaps: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    await teach()
    await pause(3_000)
    const tally = await load.settled()
    failed += tally.failed
    sent += tally.sent
    gaps.push(tally.gap)
  }
  const median = gaps.toSorted((a, b) => a - b)[gaps.length >> 1] ?? Number.NaN
  console.log(
    `${name.padEnd(14)} ${sent} GETs, ${failed} failed, longest gap ${median.toFixed(0)} ms (median of ${turns})`,
  )
}

function put(fault: Fault | null): void {
  const app = { version: `v${++versions}`, boot, posts: path.join(dir, 'posts'), fault }
  fs.writeFileSync(file, drillApp(app), { mode: 0o755 })
}

function pm2(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync('pm2', args, { env, encoding: 'utf8' })
}

function described(): Described {
  const [first] = JSON.parse(pm2('jlist').stdout) as Described[]
  if (!first) throw new Error('pm2 knows no app')
  return first
}

async function serving(): Promise<void> {
  while (
    !(await fetch(door.url).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await pause(50)
}
