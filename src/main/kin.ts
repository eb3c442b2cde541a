import type { ChildProcess } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { GatewayReport } from '../model/protocol.ts'
import type { Route, RouteChange } from '../model/route.ts'

export interface Kin {
  /** What our own door tells. */
  report(report: GatewayReport): void
  /** Where requests go, at every door that has clients. */
  change(change: RouteChange): void
  /** What became of the apps that were left is known: what was told meanwhile is heard, and the door before ours may follow. */
  open(): void
  /** Another process decides from now on: our door follows it. */
  follow(heir: ChildProcess): void
  /** Our door is closed; resolves when the one before it is, too: until then we stand between that and the heir. */
  closed(): Promise<void>
  /** Somebody waits for what comes of this, and only this process can tell it. */
  owe<T>(outcome: Promise<T>): Promise<T>
  /** Resolves when nothing of that kind is owed, or when that takes too long. */
  quiet(): Promise<void>
}

/** How long an upgrade waits for deploys and the like (milliseconds). */
const longest = 30_000
/** For the answers to them to go out. */
const farewell = 50

export interface KinOptions {
  /** Whether an earlier process has started this one to go on. */
  readonly inherits: boolean
  readonly change: (change: RouteChange) => void
  readonly hear: (report: GatewayReport) => void
}

/** What passes between two of them. */
type ToElder = { readonly routes: RouteChange }
type ToHeir = { readonly report: GatewayReport }

/**
 * Several generations of gateways share the apps for as long as an old front door finishes what it has begun. The
 * youngest decides; each passes what changes on to the one before it, and what is reported to the one after it.
 */
export function openKin({ inherits, change, hear }: KinOptions): Kin {
  let heir: ChildProcess | null = null
  /** What is told while there is nobody yet to hear it: the door before ours goes on all the time. Null: there is. */
  let early: GatewayReport[] | null = []
  const up = (report: GatewayReport): void => {
    if (early !== null) early.push(report)
    else if (heir === null) hear(report)
    else if (heir.connected) heir.send({ report } satisfies ToHeir, () => {})
  }
  const elder = inherits && process.connected ? openElder(up) : null
  let isClosed = false
  const owed = new Set<Promise<unknown>>()
  const pass = (routes: RouteChange): void => {
    if (!isClosed) change(routes)
    elder?.change(routes)
    if (isClosed) for (const run of routes.drain) tell({ type: 'drained', run })
  }
  const tell = (report: GatewayReport): void => {
    if (report.type !== 'drained' || elder === null || elder.drained(report.run, 'ours')) up(report)
  }
  return {
    report: tell,
    change: pass,
    open() {
      const told = early ?? []
      early = null
      for (const report of told) hear(report)
      elder?.open()
    },
    follow(child) {
      heir = child
      child.on('message', (message) => {
        if (typeof message === 'object' && 'routes' in message) pass((message as ToElder).routes)
      })
    },
    owe(outcome) {
      owed.add(outcome)
      void Promise.allSettled([outcome]).then(() => owed.delete(outcome))
      return outcome
    },
    async quiet() {
      const late = delay(longest, 'late', { ref: false })
      while (owed.size > 0) {
        if ((await Promise.race([late, Promise.allSettled(owed)])) === 'late') return
        await delay(farewell)
      }
    },
    async closed() {
      isClosed = true
      elder?.empty()
      await elder?.gone
    },
  }
}

interface Elder {
  change(routes: RouteChange): void
  open(): void
  /** Whether this run is empty everywhere, now that it is at one of the doors. */
  drained(run: number, where: 'ours' | 'theirs'): boolean
  /** Nothing is in flight at our own door any more. */
  empty(): void
  readonly gone: Promise<void>
}

function openElder(up: (report: GatewayReport) => void): Elder {
  /** By run that is to drain, the doors that have not told that it has. */
  const draining = new Map<number, Set<'ours' | 'theirs'>>()
  /** Until it may follow. */
  let first: First | null = openFirst()
  /** Apps of which it knows what we know. */
  const told = new Set<string>()
  const drained = (run: number, where: 'ours' | 'theirs'): boolean => {
    const doors = draining.get(run)
    // It drains everything when it leaves, without being asked.
    if (!doors) return where === 'ours'
    doors.delete(where)
    if (doors.size > 0) return false
    return draining.delete(run)
  }
  const tell = ({ put, gone, drain, over }: RouteChange): void => {
    // An app that we have only to look at again serves there as it did, and what is in flight would be cut.
    const known = put.filter(({ app, target }) => told.has(app) || target.kind !== 'waiting')
    for (const { app } of known) told.add(app)
    const routes = { put: known, gone, drain, over }
    if (process.connected) process.send?.({ routes } satisfies ToElder, undefined, undefined, () => {})
  }
  process.on('message', (message) => {
    if (typeof message !== 'object' || message === null || !('report' in message)) return
    const { report } = message as ToHeir
    if (report.type !== 'drained' || drained(report.run, 'theirs')) up(report)
  })
  const empty = (where: 'ours' | 'theirs'): void => {
    for (const run of draining.keys()) if (drained(run, where)) up({ type: 'drained', run })
  }
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  process.once('disconnect', () => {
    empty('theirs')
    resolve()
  })
  process.channel?.unref()
  return {
    drained,
    empty: () => empty('ours'),
    gone,
    change(routes) {
      if (!process.connected) return
      for (const run of routes.over) draining.delete(run)
      for (const run of routes.drain) draining.set(run, new Set(['ours', 'theirs']))
      if (first === null) tell(routes)
      else first.add(routes)
    },
    open() {
      const all = first?.all()
      first = null
      if (all) tell(all)
    },
  }
}

interface First {
  add(routes: RouteChange): void
  all(): RouteChange
}

/** Several changes as one. */
function openFirst(): First {
  const put = new Map<string, Route>()
  const [gone, drain, over] = [new Set<string>(), new Set<number>(), new Set<number>()]
  return {
    add(routes) {
      for (const route of routes.put) {
        put.set(route.app, route)
        gone.delete(route.app)
      }
      for (const app of routes.gone) {
        put.delete(app)
        gone.add(app)
      }
      for (const run of routes.drain) drain.add(run)
      for (const run of routes.over) {
        drain.delete(run)
        over.add(run)
      }
    },
    all: () => ({ put: [...put.values()], gone: [...gone], drain: [...drain], over: [...over] }),
  }
}
