import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createFolder } from '../test/support/folder.ts'
import { type Gateway, startGateway } from '../test/support/gateway.ts'
import { failures, startLoad } from '../test/support/load.ts'
import { isAlive, processesOf } from '../test/support/processes.ts'
import { eventually } from '../test/support/wait.ts'

/**
 * The gateway is killed by SIGKILL again and again, under load, and started again at once: every time it has to go on
 * with the very processes it had, and to touch nobody else's. At the end it is not started again: then nothing may be left.
 *
 *     npm run proof:gateway-death -- [--kills 50] [--rps 600]
 */

const { values } = parseArgs({ options: { kills: { type: 'string' }, rps: { type: 'string' } } })
const [kills, rps] = [Number(values.kills ?? 50), Number(values.rps ?? 600)]
const clients = 4
const grace = 10_000

await using folder = await createFolder({
  config: { guard: { grace: `${grace}ms` }, log: { access: 'none' }, apps: { two: { instances: 2 } } },
  apps: { 'hello.cjs': 'hello.cjs', 'two.cjs': 'hello.cjs', 'slow.cjs': 'slow-boot.cjs' },
})
const names = ['hello', 'slow', 'two']
const decoys: ChildProcess[] = []
const faults: string[] = []
let gateway = await startGateway({ folder })
const args = ['--port', String(gateway.port), '--admin-port', new URL(gateway.adminUrl).port]
await eventually(async () => (await fleetOf(gateway)).length === 4, { what: 'four instances' })
const fleet = await fleetOf(gateway)
const loads = Array.from({ length: clients }, () => startLoad(gateway, { rps: rps / clients, path: '/hello/' }))

/** When each gateway was killed, and when the next one listened. */
const gaps: { readonly killed: number; readonly back: number }[] = []
for (let kill = 1; kill <= kills; kill++) {
  await pause(300 + Math.random() * 700)
  const killed = performance.now()
  gateway.child.kill('SIGKILL')
  await gateway.ended
  await plantDecoy(kill)
  gateway = await startGateway({ folder, args })
  gaps.push({ killed, back: performance.now() })
  const same = async (): Promise<boolean> => String(await fleetOf(gateway)) === String(fleet)
  await eventually(same, { timeout: 5_000, what: 'the same four' }).catch(async () => {
    faults.push(`after kill ${kill} there are ${String(await fleetOf(gateway))} instead of ${String(fleet)}`)
  })
}
await pause(500)
const shots = (await Promise.all(loads.map(async (load) => await load.stop()))).flat()
// Who asked while nobody listened, or was being answered at the kill, cannot have been served.
const lost = shots.filter(({ at, ms }) => !gaps.some(({ killed, back }) => at < back && at + ms >= killed))
for (const line of failures(lost)) faults.push(line)
for (const decoy of decoys) if (!isAlive(decoy.pid ?? 0)) faults.push(`a stranger, PID ${decoy.pid}, was ended`)
const apps = processesOf(folder.dir).filter(({ command }) => command.includes('.cjs'))
if (apps.length !== fleet.length) faults.push(`${apps.length} processes of apps instead of ${fleet.length}`)

gateway.child.kill('SIGKILL')
await gateway.ended
const died = performance.now()
await eventually(() => processesOf(folder.dir).length === 0, { timeout: grace + 15_000, what: 'nothing to be left' })
const gone = performance.now() - died
for (const decoy of decoys) {
  if (!isAlive(decoy.pid ?? 0)) faults.push(`a stranger, PID ${decoy.pid}, was ended by the guardian`)
  decoy.kill('SIGKILL')
}

const away = gaps.map(({ killed, back }) => back - killed).sort((a, b) => a - b)
const failed = failures(shots).length
console.log(`kills of the gateway:    ${kills}, at ${rps} GET/s from ${clients} clients; ${shots.length} requests`)
console.log(`adopted:                 ${fleet.length} instances each time, the same PIDs`)
console.log(`from SIGKILL to listening: median ${at(away, 0.5)} ms, longest ${at(away, 1)} ms`)
console.log(`failed:                  ${failed} while nobody listened, ${failures(lost).length} at any other time`)
console.log(`strangers:               ${decoys.length} with a recorded PID and another start time, all alive`)
console.log(
  `not started again:       nothing left after ${(gone / 1000).toFixed(1)} s, with a grace of ${grace / 1000} s`,
)
for (const fault of faults) console.log(`FAULT: ${fault}`)
process.exitCode = faults.length === 0 ? 0 : 1

/** App, run and PID of every instance that is ready. */
async function fleetOf(of: Gateway): Promise<string[]> {
  const { apps } = await of.status()
  return names.flatMap((name) => {
    const ready = apps.find((app) => app.name === name)?.instances.filter(({ state }) => state === 'ready') ?? []
    return ready.map(({ run, pid }) => `${name} ${run} ${pid}`).sort()
  })
}

/** Somebody else's process under a PID that is on file, as after the PID was recycled. */
async function plantDecoy(run: number): Promise<void> {
  const decoy = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  await once(decoy, 'spawn')
  decoys.push(decoy)
  const file = folder.path('.quaymaster/instances.json')
  const roll = JSON.parse(await fs.readFile(file, 'utf8')) as { instances: object[] }
  const [first] = roll.instances
  // A group of its own, or none: whose is shared would be ended with the other one.
  const its = { pid: decoy.pid, startTime: '1', marker: '0'.repeat(32), cgroup: null }
  const forged = { ...first, ...its, run: 100_000 * run, app: 'hello' }
  await fs.writeFile(file, JSON.stringify({ ...roll, instances: [...roll.instances, forged] }))
}

function at(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0)
}
