import type { AppStatus, StatusDocument } from '../model/status.ts'
import { colorOf, painter, wantsColor, type Paint } from '../observe/color.ts'
import { plainText } from '../observe/plain-text.ts'
import { stateStyle } from '../observe/pretty.ts'
import { duration, shortVersion } from '../observe/words.ts'
import { ask } from './client.ts'
import { findState } from './find-state.ts'
import type { GlobalOptions } from './global-options.ts'

export async function runStatus(options: GlobalOptions & { readonly json: boolean }): Promise<number> {
  const status = await ask<StatusDocument>(await findState(options), 'GET', '/status')
  if (options.json) {
    process.stdout.write(`${JSON.stringify(status, null, 2)}\n`)
    return 0
  }
  const color = wantsColor({ env: process.env, isTTY: process.stdout.isTTY, wanted: options.color })
  process.stdout.write(statusText(status, painter(color)))
  return 0
}

/** The table, with a line below it for each app that has something to explain. */
export function statusText(status: StatusDocument, paint: Paint): string {
  const { version, pid, url, adminUrl, closing, apps } = status
  const admin = adminUrl === null ? '' : `, admin ${adminUrl}`
  const head = paint('dim', `Quaymaster ${version}, PID ${pid}, ${url}${admin}${closing ? ', shutting down' : ''}`)
  if (apps.length === 0) return `${head}\n\nNo apps yet. Drop an executable into the apps folder.\n`
  const rows = apps.flatMap(rowsOf)
  const widths = columns.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[], style: (cell: string, column: number) => string): string =>
    cells
      .map((cell, i) => style(cell.padEnd(i === cells.length - 1 ? 0 : (widths[i] ?? 0)), i))
      .join('  ')
      .trimEnd()
  const lines = [line(columns, (cell) => paint('dim', cell))]
  for (const row of rows) {
    lines.push(
      line(row, (cell, column) => {
        if (column === 0) return paint(colorOf(row[0] ?? ''), cell)
        return column === 1 ? paint(stateStyle(row[1] ?? ''), cell) : cell
      }),
    )
  }
  const remarks = apps.flatMap((app) => remarksOf(app).map((remark) => ({ app, remark })))
  if (remarks.length > 0) lines.push('')
  for (const { app, remark } of remarks) {
    lines.push(`${paint(colorOf(app.name), short(app.name).padEnd(widths[0] ?? 0))}  ${plainText(remark, false)}`)
  }
  return `${head}\n\n${lines.join('\n')}\n`
}

const columns = ['NAME', 'STATE', 'RUN', 'PID', 'PORT', 'UPTIME', 'MEMORY', 'CPU', 'FALLS', 'VERSION', 'URL']

/** One row an app, and below it one for each further instance. */
function rowsOf(app: AppStatus): readonly (readonly string[])[] {
  const { name, state, falls, version, url, instances } = app
  const cells = instances.map((it) => [
    String(it.run),
    text(it.pid),
    it.socket === null ? text(it.port) : 'socket',
    duration(it.uptime),
    megabytes(it.memory),
    cpuTime(it.cpu),
  ])
  const [first = ['-', '-', '-', '-', '-', '-'], ...others] = cells
  // Nothing but its own reason is to be had at the address of an app that cannot run.
  const where = state === 'refused' && instances.length === 0 ? '-' : url
  return [
    [short(name), state, ...first, String(falls.total), version === null ? '-' : shortVersion(version), where],
    ...others.map((other, i) => ['', instances[i + 1]?.state ?? '', ...other, '', '', '']),
  ]
}

function remarksOf({ name, state, reason, rejected, instances, quarantined }: AppStatus): readonly string[] {
  const remarks = []
  if (reason !== null && state !== 'off') remarks.push(reason)
  if (rejected) {
    const which = rejected.version === '-' ? 'The new file' : `Version ${shortVersion(rejected.version)}`
    remarks.push(`${which} was rejected and the one before it serves on: ${rejected.reason}`)
  }
  for (const { shape, until, crashes } of quarantined.slice(0, maxQuarantined)) {
    const why = `it was in flight at ${crashes.length} ${crashes.length === 1 ? 'crash' : 'crashes'}`
    remarks.push(`${shape} gets a 503 until ${until.slice(11, 19)} UTC: ${why} (quaymaster crashes ${name})`)
  }
  if (quarantined.length > maxQuarantined) remarks.push(`… and ${quarantined.length - maxQuarantined} others`)
  for (const { state, note } of instances) if (state === 'ready' && note !== null) remarks.push(note)
  for (const { run, socket } of instances) if (socket !== null) remarks.push(`Run ${run} listens on ${socket}`)
  return remarks
}

/** Lines about quarantined requests, an app. */
const maxQuarantined = 3

/** A file name may have 255 characters, and would push everything else out of the window. */
function short(name: string): string {
  return name.length <= 32 ? name : `${name.slice(0, 31)}…`
}

function megabytes(bytes: number | null): string {
  return bytes === null ? '-' : `${Math.round(bytes / 2 ** 20)} MB`
}

function cpuTime(ms: number | null): string {
  return ms === null ? '-' : duration(ms)
}

function text(value: number | null): string {
  return value === null ? '-' : String(value)
}
