import { advance } from '../src/model/advance.ts'
import { routeChange } from '../src/model/derive.ts'
import { emptyFleet, type Fleet } from '../src/model/fleet.ts'
import type { Event } from '../src/model/protocol.ts'
import { changeIndex, emptyIndex } from '../src/model/route-index.ts'
import { matchRoute } from '../src/model/route.ts'
import { launch, settings } from '../test/model/world.ts'

/** What a table of so many apps costs, measured in this process. */
export interface TableCost {
  readonly apps: number
  /** One change: an app is stopped or started; the reducer, the change of the routes and of the index. µs. */
  readonly change: number
  /** Finding the route of the same app again and again, and of all apps in turn. ns. */
  readonly same: number
  readonly all: number
}

export function measureTables(): TableCost[] {
  return [10, 1_000, 10_000].map(measure)
}

function measure(apps: number): TableCost {
  const index = emptyIndex()
  let fleet: Fleet = emptyFleet(apps)
  const send = (event: Event): void => {
    const before = fleet
    const advanced = advance(fleet, event, 1, 0.5)
    fleet = advanced.fleet
    changeIndex(index, routeChange(before, fleet, advanced.touched))
  }
  for (let at = 1; at <= apps; at += 1) {
    const name = `app${at}`
    const address = { host: '127.0.0.1', port: 4_000 }
    send({ type: 'offered', app: name, settings: settings(name), launch: launch('v1') })
    send({ type: 'spawned', run: at, pid: 100 + at, port: 4_000 })
    send({ type: 'probed', run: at, result: { ok: true, address, note: null } })
  }
  const middle = `app${Math.ceil(apps / 2)}`
  const change = timed(100, (turn) => {
    send({ type: 'command', app: middle, verb: turn % 2 === 0 ? 'stop' : 'start' })
  })
  const paths = Array.from({ length: apps }, (_, at) => Buffer.from(`/app${at + 1}/some/page`))
  let found = 0
  // From bytes, as requests come: a string that was looked up before knows its hash.
  const find = (path: Buffer | undefined): void => {
    if (path && matchRoute(index, 'h', path.toString('latin1'))) found += 1
  }
  const own = Buffer.from(`/${middle}/some/page`)
  const same = timed(200_000, () => find(own)) * 1_000
  const all = timed(200_000, (turn) => find(paths[(turn * 7_919) % apps])) * 1_000
  if (found === 0) throw new Error('no route was found')
  return { apps, change, same, all }
}

/** µs a turn: the median of five measurements after one that does not count. */
function timed(turns: number, work: (turn: number) => void): number {
  const rounds = Array.from({ length: 6 }, () => {
    const began = performance.now()
    for (let turn = 0; turn < turns; turn += 1) work(turn)
    return ((performance.now() - began) * 1_000) / turns
  }).slice(1)
  return rounds.sort((a, b) => a - b)[2] ?? 0
}
