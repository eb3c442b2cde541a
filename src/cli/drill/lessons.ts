import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from './app.ts'
import type { DrillFleet } from './fleet.ts'
import type { Load } from './load.ts'
import type { Stage } from './stage.ts'
import { type OpenStream, openEvents, openWebSocket, type StreamEnd } from './streams.ts'

export interface Scene {
  readonly stage: Stage
  readonly load: Load
  /** Null when the app is a real one: then nothing is done to its files or its gateway. */
  readonly fleet: DrillFleet | null
}

/** Something that happens to an app under load; throws when what should come of it does not come. */
export interface Lesson {
  readonly name: string
  readonly does: string
  /** Whether it needs a fleet of its own. */
  readonly own: boolean
  teach(scene: Scene): Promise<void>
}

/** Streams of each kind that are open at once. */
const streams = 20

/** How long a client may be left with a connection to nobody (milliseconds). */
const halfOpen = 15_000

/** A bad version, and what its refusal has to speak of. */
const faults: readonly { readonly fault: Fault; readonly does: string; readonly reason: RegExp }[] = [
  { fault: 'exits', does: 'a version that exits with 1', reason: /exited with code 1/ },
  { fault: 'deaf', does: 'a version that never listens', reason: /not ready within/ },
  { fault: 'errors', does: 'a version that answers everything with 500', reason: /5\d\d|5xx/ },
  { fault: 'crashes', does: 'a version that ends itself after a second', reason: /exited with code 3/ },
]

export const lessons: readonly Lesson[] = [
  signal('kill', 'SIGKILL to the app', 'SIGKILL'),
  signal('terminate', 'SIGTERM to the app, not by the gateway', 'SIGTERM'),
  signal('freeze', 'SIGSTOP to the app', 'SIGSTOP'),
  {
    name: 'restart',
    does: 'the restart command',
    own: false,
    async teach({ stage }) {
      const { run } = await stage.victim()
      await stage.command('restart')
      await stage.replaced(run)
    },
  },
  {
    name: 'replace',
    does: 'a good new version',
    own: true,
    async teach({ stage, fleet }) {
      const { run } = await stage.victim()
      await fleet?.put(null)
      await stage.replaced(run)
    },
  },
  ...faults.map(({ fault, does, reason }): Lesson => {
    return {
      name: `bad:${fault}`,
      does,
      own: true,
      async teach({ stage, fleet }) {
        await stage.victim()
        const before = (await stage.look()).rejected?.at
        await fleet?.put(fault)
        const { rejected } = await stage.until(
          (it) => it.rejected !== null && it.rejected.at !== before && it.state === 'ready',
          `the refusal of ${does}`,
        )
        if (!reason.test(rejected?.reason ?? '')) throw new Error(`${does} was refused for: ${rejected?.reason}`)
      },
    }
  }),
  {
    name: 'flood',
    does: '20 MB of output at once',
    own: true,
    async teach({ stage, fleet }) {
      const { url } = await stage.look()
      const token = (await fleet?.token) ?? ''
      const response = await fetch(`${url}flood`, { headers: { 'x-api-token': token } })
      await response.arrayBuffer()
      if (response.status !== 200) throw new Error(`the flood was answered with ${response.status}`)
    },
  },
  {
    name: 'streams',
    does: `${streams} event streams and ${streams} WebSockets are open over a crash and over a replacement`,
    own: true,
    async teach(scene) {
      const { stage, fleet } = scene
      const { run, pid } = await stage.victim()
      const crashed = await openStreams(scene)
      process.kill(pid, 'SIGKILL')
      await expectEnds(crashed, ({ how }) => how === 'cut')
      await stage.replaced(run)
      const replaced = await openStreams(scene)
      const next = await stage.victim()
      await fleet?.put(null)
      await expectEnds(replaced, ({ kind, how, code }) => (kind === 'events' ? how === 'whole' : code === 1012))
      await stage.replaced(next.run)
    },
  },
  {
    name: 'steal-port',
    does: 'the app is killed and a stranger takes its port',
    own: true,
    async teach({ stage }) {
      const { run, pid, port } = await stage.victim()
      if (port === null) throw new Error('the app listens on no port')
      let heard = 0
      const stranger = createServer((socket) => {
        socket.on('data', (data) => (heard += data.length))
        socket.on('error', () => {})
      })
      process.kill(pid, 'SIGKILL')
      while (!(await listens(stranger, port))) await pause(1)
      try {
        await stage.replaced(run)
      } finally {
        stranger.close()
      }
      if (heard > 0) throw new Error(`the stranger was sent ${heard} bytes`)
    },
  },
  {
    name: 'guardian',
    does: 'SIGKILL to the guardian',
    own: true,
    async teach({ fleet }) {
      const before = (await fleet?.guardian()) ?? null
      if (before === null) throw new Error('the gateway has no guardian')
      process.kill(before, 'SIGKILL')
      for (let turn = 0; turn < 100; turn++) {
        const now = await fleet?.guardian()
        if (now !== null && now !== before) return
        await pause(50)
      }
      throw new Error('the guardian was not replaced within 5 s')
    },
  },
  {
    name: 'upgrade',
    does: 'another gateway takes over',
    own: true,
    async teach({ stage }) {
      const { pid } = await stage.victim()
      await stage.upgrade()
      const now = await stage.victim()
      if (now.pid !== pid) throw new Error(`the app was not taken over: ${pid} became ${now.pid}`)
    },
  },
  {
    name: 'gateway',
    does: 'SIGKILL to the gateway, and another one started at once',
    own: true,
    async teach({ stage, fleet, load }) {
      const { pid, run } = await stage.victim()
      const { port } = new URL((await stage.look()).url)
      load.outage = true
      try {
        await fleet?.kill()
        await fleet?.start(Number(port))
        const now = await stage.victim()
        if (now.pid !== pid) throw new Error(`run ${run} was not taken over: ${pid} became ${now.pid}`)
        const { instances } = await stage.look()
        if (instances.length !== 1) throw new Error(`there are ${instances.length} instances where one should be`)
      } finally {
        // What was under way at the kill has been told by now.
        await pause(100)
        load.outage = false
      }
    },
  },
]

async function openStreams(scene: Scene): Promise<readonly OpenStream[]> {
  const door = await scene.stage.door((await scene.fleet?.token) ?? null)
  const kinds = [openEvents, openWebSocket]
  return Promise.all(kinds.flatMap((open) => Array.from({ length: streams }, async () => open(door))))
}

/** Every one of them has to end in this way, and soon. */
async function expectEnds(open: readonly OpenStream[], right: (end: StreamEnd) => boolean): Promise<void> {
  const late = pause(halfOpen, null, { ref: false })
  const ends = await Promise.all(open.map(({ ended }) => Promise.race([ended, late])))
  const wrong = ends.filter((end) => end === null || !right(end))
  if (wrong.length === 0) return
  const seen = wrong[0] ? `${wrong[0].kind} ended by ${wrong[0].how} ${wrong[0].code ?? ''}` : 'never ended'
  throw new Error(`${wrong.length} of ${ends.length} streams did not end as they should: the first ${seen}`)
}

function signal(name: string, does: string, kind: NodeJS.Signals): Lesson {
  return {
    name,
    does,
    own: false,
    async teach({ stage }) {
      const { run, pid } = await stage.victim()
      process.kill(pid, kind)
      await stage.replaced(run)
    },
  }
}

async function listens(server: ReturnType<typeof createServer>, port: number): Promise<boolean> {
  server.listen(port, '127.0.0.1')
  return once(server, 'listening').then(
    () => true,
    () => false,
  )
}
