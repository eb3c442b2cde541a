import { openAdmin } from './admin/admin.ts'
import type { Control } from './admin/control.ts'
import { openControlSocket } from './admin/socket.ts'
import { readOrCreateKey, readOrCreateToken, type KeptToken } from './admin/token.ts'
import { loadConfig } from './config/load.ts'
import { formatProblems } from './config/problem.ts'
import { settingsFor } from './config/settings.ts'
import { opensEverything, tokensOf } from './config/tokens.ts'
import { watchFiles } from './config/watch.ts'
import { openFrontDoor } from './gateway/open.ts'
import { systemClock } from './lib/clock.ts'
import type { Running, UpOptions } from './lib/running.ts'
import { StartError } from './lib/start-error.ts'
import { quaymasterVersion } from './lib/version.ts'
import { abandon } from './main/abandon.ts'
import { openAdoption } from './main/adoption.ts'
import { awaitFirstVerdicts } from './main/greet.ts'
import { openKin } from './main/kin.ts'
import { hear, perform } from './main/perform.ts'
import { orphanNotice } from './main/pid-one.ts'
import { quarantineOf } from './main/quarantine.ts'
import { recentOutput } from './main/recent.ts'
import { reloader } from './main/reload.ts'
import { remember } from './main/remember.ts'
import { retainVersions } from './main/retain.ts'
import { openRunning } from './main/running.ts'
import { loadRequest, settingsOf } from './main/settings.ts'
import { statusTeller } from './main/status-teller.ts'
import { stampOf } from './model/crash.ts'
import { routeChange } from './model/derive.ts'
import { isOff } from './model/fleet.ts'
import { limitedRuns } from './model/recycle.ts'
import type { Launch } from './model/protocol.ts'
import { Journal } from './observe/journal.ts'
import { openLog } from './observe/log.ts'
import { Guardian, readReport } from './supervisor/guardian.ts'
import { Crashes } from './supervisor/crashes.ts'
import { deploy, operate, rollBack, versionsOf, type Workshop } from './supervisor/deploy.ts'
import { openIntake, type Intake } from './supervisor/intake.ts'
import { Census } from './supervisor/census.ts'
import { findLeft, versionAt } from './supervisor/left.ts'
import type { Notice } from './supervisor/notice.ts'
import { Processes } from './supervisor/processes.ts'
import { Supervisor } from './supervisor/supervisor.ts'

/**
 * The composition root: builds every part from a Config, wires them, and disposes of them in reverse order. Nothing is
 * decided here. Throws a StartError when the gateway cannot start; what was opened by then is closed again.
 */
export async function up(options: UpOptions): Promise<Running> {
  const loaded = await loadConfig(loadRequest(options))
  if (!loaded.ok) throw new StartError(formatProblems(loaded.problems, options.cwd), 2)
  const { config, warnings } = loaded
  await using opened = new AsyncDisposableStack()
  const clock = systemClock
  const { inherited } = options
  const stamp = inherited?.stamp ?? stampOf(clock.wall())
  const journal = new Journal()
  const notice: Notice = (level, message) => journal.write({ type: 'notice', level, message })

  // First in, last out: whoever holds the control socket owns the state folder.
  const socket = opened.use(await openControlSocket(config.stateDir))
  const format = options.json || !process.stdout.isTTY ? 'json' : 'pretty'
  const log = opened.use(await openLog({ journal, out: process.stdout, format, color: options.color, ...config.log }))
  const left = await findLeft(config.stateDir, notice, inherited?.pid ?? null)
  let kept: KeptToken | null = config.auth.tokens.length > 0 ? null : await readOrCreateToken(config.stateDir)
  for (const message of [...socket.notices, ...(kept?.notices ?? []), ...warnings]) notice('warn', message)
  // Said by the first of them: where this one goes on for another, that one has.
  const orphans = inherited === null ? orphanNotice() : null
  if (orphans !== null) notice('warn', orphans)
  for (const message of await readReport(config.stateDir)) notice('warn', message)
  const { grace } = config.guard
  // Before the first process, and gone after the last.
  if (grace !== null && options.guard !== null) {
    opened.use(new Guardian({ stateDir: config.stateDir, command: options.guard, grace, notice }))
    options.guarded(config.stateDir)
  }
  let tokens = tokensOf(config, kept?.token ?? null)
  const gateway = opened.use(
    await openFrontDoor({
      ...config.listen,
      inherited: inherited ?? undefined,
      auth: { tokens },
      journal,
      clock,
      report: (report) => kin.report(report),
      stamp,
      sessions: { key: await readOrCreateKey(config.stateDir) },
      workers: config.workers,
      notice,
      waits: true,
    }),
  )
  const kin = openKin({
    inherits: inherited !== null,
    change: (routes) => gateway.change(routes),
    hear: (report) => hear(report, crashes, supervisor),
  })
  const processes = opened.use(
    new Processes({
      stateDir: config.stateDir,
      left,
      clock,
      report: (event) => supervisor.send(event),
      traffic: (run) => gateway.traffic(run),
      output: (line) => journal.write({ type: 'output', ...line }),
      urls: (app) => {
        const basePath = supervisor.fleet.apps.get(app)?.settings.route.path ?? `/${app}`
        return { publicUrl: new URL(basePath === '/' ? '/' : `${basePath}/`, gateway.url).href, basePath }
      },
      notice,
    }),
  )
  processes.setUrl(gateway.url)
  const strays = processes.endStrays()
  // Awaited below; an early failure of a later step must not turn this one into an unhandled rejection.
  strays.catch(() => {})
  const crashes = opened.use(
    await Crashes.open({
      stateDir: config.stateDir,
      clock,
      stamp,
      app: (name) => supervisor.fleet.apps.get(name),
      lines: (app) => processes.recent(app),
      announce: (announcement) => journal.write({ type: 'announcement', announcement }),
      suspect: (event) => supervisor.send(event),
      notice,
    }),
  )
  let intake: Intake | null = null
  const retain = retainVersions(() => intake)
  const memory = remember({
    appsDir: config.appsDir,
    intake: () => intake,
    fleet: () => supervisor.fleet,
    output: (app) => processes.recent(app),
    wall: () => clock.wall(),
  })
  const supervisor = new Supervisor({
    clock,
    parallelStarts: config.starts.parallel,
    nextRun: Math.max(inherited?.nextRun ?? 1, ...[...left.adoptable, ...left.strays].map(({ run }) => run + 1)),
    chance: Math.random,
    announce: (announcement) => {
      journal.write({ type: 'announcement', announcement })
      memory.hear(announcement)
    },
    perform: (effect) => perform(effect, processes, intake, crashes),
    publish: (fleet, before, touched) => {
      kin.change(routeChange(before, fleet, touched))
      retain(fleet, touched)
      crashes.see(touched)
      memory.see(fleet, before, touched)
      for (const app of touched) processes.setOff(app, isOff(fleet.apps.get(app)))
    },
  })
  // The copies that apps run from go last, when nothing runs from them any more.
  opened.defer(() => intake?.[Symbol.asyncDispose]())
  opened.use(supervisor)

  opened.use(
    new Census({
      runs: () => limitedRuns(supervisor.fleet, clock.now()),
      memoryOf: (run, limit) => processes.memory(run, limit),
      exceeded: (run, reason) => supervisor.send({ type: 'exceeded', run, reason }),
    }),
  )

  const { status, waitingFor, epoch } = statusTeller({
    clock,
    gateway,
    processes,
    fleet: () => supervisor.fleet,
    adminUrl: () => admin.url,
  })
  const shop: Workshop = { supervisor, clock, appsDir: config.appsDir, intake: () => intake }
  const control: Control = {
    status,
    command: (app, verb) => kin.owe(operate(shop, app, verb)),
    versions: (app) => versionsOf(shop, app),
    rollBack: (app, version) => kin.owe(rollBack(shop, app, version)),
    deploy: (app, file, bytes) => kin.owe(deploy(shop, app, file, bytes)),
    down: () => void running.close(),
    upgrade: () => running.succeed(),
    output: (app, last) => recentOutput(processes, supervisor.fleet, app, last),
    crashes: (app) => crashes.list(app),
    quarantine: (app) => quarantineOf(supervisor.fleet, app, epoch),
    clear: (app) => crashes.clear(app),
    journal,
  }
  const admin = opened.use(
    await openAdmin({
      ...config.admin,
      port: inherited?.adminPort ?? config.admin.port,
      control,
      authorise: (token) => opensEverything(tokens, token),
    }),
  )

  await strays
  const versionOf = (launch: Launch): string => versionAt(left, launch, gateway.url).version
  const adoption = openAdoption(left, gateway.url, (event) => supervisor.send(event))
  intake = await openIntake({
    appsDir: config.appsDir,
    stateDir: config.stateDir,
    clock,
    settings: settingsOf(config),
    emit: (event) => adoption.tell(event),
    inherited: left.adoptable.map(({ app, launch }) => ({ app, version: versionOf(launch), file: launch.file })),
    notice,
  })
  void intake.looked.then(() => {
    adoption.finish((app) => settingsFor(config, app))
    for (const app of left.off) if (!supervisor.fleet.apps.has(app)) processes.setOff(app, false)
    return undefined
  })
  // Who asks for an app that goes on shall not be told that there is none.
  await adoption.settled
  gateway.open()
  kin.open()

  const reload = reloader({
    request: loadRequest(options),
    running: config,
    notice,
    apply: async (current) => {
      if (current.auth.tokens.length === 0) kept ??= await readOrCreateToken(current.stateDir)
      tokens = tokensOf(current, current.auth.tokens.length > 0 ? null : (kept?.token ?? null))
      gateway.configure({ tokens })
      log.configure(current.log)
      intake?.configure(settingsOf(current))
    },
  })
  opened.use(await watchFiles(loaded.watch, reload))

  const running = openRunning({
    parts: opened.move(),
    again: options.again,
    checkRoll: () => processes.checkRoll(),
    kin,
    gateway,
    adminUrl: admin.url,
    waitingFor,
    inherited: () => ({
      ...gateway.sockets,
      adminPort: admin.port,
      stamp,
      nextRun: supervisor.fleet.nextRun,
      stateDir: config.stateDir,
      pid: process.pid,
    }),
    letGo: async () => {
      supervisor.letGo()
      await processes.letGo()
      await crashes.letGo()
      await intake?.letGo()
      await admin[Symbol.asyncDispose]()
      await socket[Symbol.asyncDispose]()
    },
    killAll: () => {
      for (const app of supervisor.fleet.apps.values()) for (const it of app.instances) processes.kill(it.run)
    },
    abandon: () => abandon(config.stateDir, notice),
    guarded: grace !== null && options.guard !== null,
    notice,
  })
  socket.serve(control)
  if (format === 'pretty') await awaitFirstVerdicts(supervisor)
  log.listening({
    version: quaymasterVersion(),
    pid: process.pid,
    took: Math.round(Date.now() - options.startedAt),
    url: gateway.url,
    adminUrl: admin.url,
    token: kept?.token ?? null,
    tokenFile: kept?.file ?? null,
    appsDir: config.appsDir,
    apps: status().apps,
  })
  return running
}
