import { Hono, type Context } from 'hono'
import { suggest } from '../config/suggest.ts'
import type { CrashesDocument } from '../model/crash.ts'
import type { Announcement } from '../model/protocol.ts'
import { noExchanges, type OutputLine } from '../observe/journal.ts'
import { verbs, type Control, type Outcome } from './control.ts'
import { follow } from './follow.ts'
import { problem } from './problem.ts'

/** The JSON API, without a word on who may use it: that is the listener's business. */
export function createApi(control: Control): Hono {
  const api = new Hono()
  api.get('/version', (c) => c.json({ version: control.status().version }))
  api.get('/status', (c) => c.json(control.status()))
  api.get('/apps', (c) => c.json(control.status().apps))
  api.get('/apps/:name', (c) => {
    const name = c.req.param('name')
    const app = control.status().apps.find((it) => it.name === name)
    return app ? c.json(app) : noSuchApp(control, name)
  })
  for (const verb of verbs) {
    api.post(`/apps/:name/${verb}`, async (c) => {
      const name = c.req.param('name')
      return told(control, name, verb, await control.command(name, verb))
    })
  }
  api.get('/crashes', (c) => {
    const app = c.req.query('app') ?? null
    const found: CrashesDocument = { crashes: control.crashes(app), suspects: control.quarantine(app) }
    // What an app that has left did is still told.
    const isKnown = app === null || found.crashes.length > 0 || control.status().apps.some((it) => it.name === app)
    return isKnown ? c.json(found) : noSuchApp(control, app, 'neither an app nor a crash on record called')
  })
  api.get('/crashes/:id', (c) => {
    const id = c.req.param('id')
    const report = control.crashes(null).find((it) => it.id === id)
    return report ? c.json(report) : problem(404, `There is no report of a crash "${id}".`)
  })
  api.post('/apps/:name/clear', (c) => {
    const name = c.req.param('name')
    if (!control.status().apps.some((it) => it.name === name)) return noSuchApp(control, name)
    return c.json({ app: name, cleared: control.clear(name) })
  })
  api.get('/apps/:name/versions', (c) => {
    const versions = control.versions(c.req.param('name'))
    return versions ? c.json(versions) : noSuchApp(control, c.req.param('name'))
  })
  api.post('/apps/:name/rollback', async (c) => {
    const name = c.req.param('name')
    return told(control, name, 'roll back', await control.rollBack(name, c.req.query('to') ?? null))
  })
  api.post('/apps/:name/deploy', async (c) => {
    const name = c.req.param('name')
    const { body } = c.req.raw
    if (body === null) return problem(400, 'The body has to be the file.')
    const bytes = body.values({ preventCancel: true })
    const outcome = await control.deploy(name, c.req.query('file') ?? name, bytes)
    // A client that is still sending would lose the answer with its connection, so what was refused is read to its end.
    await bytes.return?.()
    await body.pipeTo(new WritableStream()).catch(() => undefined)
    return told(control, name, 'deploy', outcome)
  })
  api.get('/logs', (c) => logs(c, control))
  api.get('/events', () => events(control))
  api.post('/upgrade', async (c) => {
    const { pid } = control.status()
    try {
      await control.upgrade()
      return c.json({ pid }, 202)
    } catch (error) {
      return problem(
        409,
        `This gateway (PID ${pid}) serves on: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  })
  api.post('/down', (c) => {
    // The answer should be on its way before the listener that carries it goes.
    setImmediate(() => control.down())
    return c.json({ pid: control.status().pid }, 202)
  })
  // What was not answered above was asked by another method (RFC 9110 section 15.5.6).
  const ofApp = ['/apps/:name', '/apps/:name/versions']
  const reads = ['/version', '/status', '/apps', ...ofApp, '/crashes', '/crashes/:id', '/logs', '/events']
  for (const path of reads) api.all(path, (c) => wrongMethod(c, 'GET, HEAD'))
  const changes = [...verbs, 'clear', 'rollback', 'deploy']
  for (const path of ['/down', '/upgrade', ...changes.map((verb) => `/apps/:name/${verb}`)]) {
    api.all(path, (c) => wrongMethod(c, 'POST'))
  }
  api.notFound((c) => problem(404, `There is no ${c.req.method} ${c.req.path} in this API.`))
  api.onError((error) => problem(500, `The request failed inside the gateway: ${error.message}`))
  return api
}

function told(control: Control, name: string, what: string, outcome: Outcome): Response {
  if (outcome.ok) return Response.json({ app: name, state: outcome.state })
  return outcome.known ? problem(409, `Cannot ${what} "${name}": ${outcome.reason}`) : noSuchApp(control, name)
}

function wrongMethod(c: Context, allow: string): Response {
  return problem(405, `${c.req.path} takes ${allow}, not ${c.req.method}.`, { Allow: allow })
}

/** More lines than any ring holds. */
const maxLines = 100_000

function logs(c: Context, control: Control): Response {
  const app = c.req.query('app') ?? null
  if (app !== null && !control.status().apps.some((it) => it.name === app)) return noSuchApp(control, app)
  const asked = c.req.query('n') ?? '100'
  if (!/^\d{1,6}$/.test(asked) || Number(asked) > maxLines) {
    return problem(400, `"n" takes a whole number from 0 to ${maxLines}, not "${asked}".`)
  }
  const headers = { 'Content-Type': 'application/x-ndjson', 'Cache-Control': 'no-store' }
  const last = Number(asked)
  const lines = (last === 0 ? [] : control.output(app, last)).map(lineOf)
  if (!isTrue(c.req.query('follow'))) return new Response(lines.join(''), { headers })
  const body = follow(
    (push) =>
      control.journal.subscribe(
        (entry) => {
          if (entry.type === 'output' && (app === null || entry.app === app)) push(lineOf(entry))
        },
        () => noExchanges,
      ),
    // An empty line is no object, and every reader of NDJSON skips it.
    { first: lines, lost: (count) => `${JSON.stringify({ lost: count })}\n`, beat: '\n' },
  )
  return new Response(body, { headers })
}

/** Server-sent events: `app` for each announcement, `notice` for a word of the gateway itself. */
function events(control: Control): Response {
  const body = follow(
    (push) =>
      control.journal.subscribe(
        (entry) => {
          if (entry.type === 'announcement') push(eventOf('app', entry.announcement))
          if (entry.type === 'notice') push(eventOf('notice', { level: entry.level, message: entry.message }))
        },
        () => noExchanges,
      ),
    { first: [': hello\n\n'], lost: (count) => eventOf('lost', { count }), beat: ': still here\n\n' },
  )
  return new Response(body, { headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' } })
}

function eventOf(event: string, data: Announcement | object): string {
  // JSON has no raw line ends, so one data field is always enough.
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

function lineOf({ at, app, run, stream, line }: OutputLine): string {
  return `${JSON.stringify({ at, app, run, stream, line })}\n`
}

function isTrue(value: string | undefined): boolean {
  return value === '' || value === '1' || value === 'true'
}

function noSuchApp(control: Control, name: string, none = 'no app'): Response {
  const names = control.status().apps.map((it) => it.name)
  const meant = suggest(name, names)
  const hint = meant === null ? `The apps are: ${names.join(', ') || 'none yet'}.` : `Did you mean "${meant}"?`
  return problem(404, `There is ${none} "${name}". ${hint}`)
}
