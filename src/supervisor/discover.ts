import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { AppSettings } from '../model/settings.ts'
import { shown, typed } from './display.ts'
import { messageOf, reasonOf } from './errno.ts'
import { isRunnable } from './which.ts'

/** The part of the configuration that the intake needs; `main` builds it from a loaded Config. */
export interface Settings {
  /** The names that the configuration speaks of, whether or not a file exists for them. */
  readonly declared: readonly string[]
  /** Complete settings; `manifest` is what `parseManifest` returned for the app.json in `manifestDir`. */
  settingsFor(name: string, manifest?: unknown, manifestDir?: string): AppSettings
  parseManifest(
    text: string,
    file: string,
  ): { readonly ok: true; readonly manifest: unknown } | { readonly ok: false; readonly reason: string }
}

export type Discovery =
  | {
      readonly kind: 'found'
      readonly settings: AppSettings
      readonly argv: readonly string[]
      /** Whether `argv[0]` is a file of the folder that must pass preflight, or a command to be found on PATH. */
      readonly executable: boolean
      /** What decides about the app, relative to the folder; their content makes the version. */
      readonly files: readonly string[]
      /** The file that the operator would open to see what is run. */
      readonly source: string
    }
  | { readonly kind: 'remote'; readonly settings: AppSettings; readonly url: string }
  | { readonly kind: 'nothing'; readonly settings: AppSettings; readonly reason: string; readonly source: string }

/** `folder` is the real path; `name` is the path in `apps/` to speak of. */
export async function discover(app: string, folder: string, name: string, config: Settings): Promise<Discovery> {
  const manifest = await readManifest(app, folder, name, config)
  if (manifest.kind === 'nothing') return manifest
  const { settings, files } = manifest
  const found = (argv: readonly string[], executable: boolean, more: readonly string[], source: string): Discovery => {
    const used = [...new Set([...files, ...more])]
    return { kind: 'found', settings, argv, executable, files: used, source: path.join(name, source) }
  }
  if (settings.target !== null) return { kind: 'remote', settings, url: settings.target }
  if (settings.command !== null) {
    return found(settings.command, false, await filesNamedIn(folder, settings.command), files[0] ?? '')
  }

  let unmarked: string | null = null
  for (const file of new Set(['run', 'start', path.basename(folder), path.basename(name)])) {
    if (!(await isFile(path.join(folder, file)))) continue
    if (await isRunnable(path.join(folder, file))) return found([path.join(folder, file)], true, [file], file)
    unmarked ??= file
  }
  const procfile = await readText(path.join(folder, 'Procfile'))
  const web = procfile === null ? null : (/^web[ \t]*:[ \t]*(\S.*?)\s*$/m.exec(procfile)?.[1] ?? null)
  if (web !== null) {
    return found(
      shell(web, settings.args),
      false,
      ['Procfile', ...(await filesNamedIn(folder, web.split(/\s+/)))],
      'Procfile',
    )
  }
  const script = startScript(await readText(path.join(folder, 'package.json')))
  if (script.kind === 'found') {
    // Not `npm start`: npm costs half a second and 60 MB, and stands between the app and its signals.
    const bin = quote(path.join(folder, 'node_modules', '.bin'))
    const argv = shell(`PATH=${bin}:"$PATH"; export PATH\n${script.line}`, settings.args)
    const used = await filesNamedIn(folder, script.line.split(/\s+/))
    return found(argv, false, ['package.json', ...used], 'package.json')
  }
  const nothing = (reason: string): Discovery => ({ kind: 'nothing', settings, reason, source: name })
  if (unmarked !== null) return nothing(`not executable; run: chmod +x ${typed(path.join(name, unmarked))}`)
  if (script.kind === 'broken')
    return nothing(`cannot read ${shown(path.join(name, 'package.json'))}: ${script.reason}`)
  const base = path.basename(name)
  return nothing(
    `nothing to run in it: add an app.json with a command, an executable called run, start or ${shown(base)}, ` +
      `a Procfile with a line "web: …", or a package.json with a start script`,
  )
}

type Manifest =
  | { readonly kind: 'read'; readonly settings: AppSettings; readonly files: readonly string[] }
  | Extract<Discovery, { readonly kind: 'nothing' }>

async function readManifest(app: string, folder: string, name: string, config: Settings): Promise<Manifest> {
  const settings = config.settingsFor(app, undefined, folder)
  const source = path.join(name, 'app.json')
  let text: string | null
  try {
    text = await readText(path.join(folder, 'app.json'))
  } catch (error) {
    return { kind: 'nothing', settings, source, reason: `cannot read ${shown(source)}: ${messageOf(error)}` }
  }
  if (text === null) return { kind: 'read', settings, files: [] }
  const parsed = config.parseManifest(text, path.join(folder, 'app.json'))
  if (!parsed.ok) return { kind: 'nothing', settings, source, reason: parsed.reason }
  return { kind: 'read', settings: config.settingsFor(app, parsed.manifest, folder), files: ['app.json'] }
}

/**
 * The words of a command that are files right in the folder: `server.mjs` in `node server.mjs`. An edit of one is a new
 * version, as it would be if it had been dropped in as an app of its own.
 */
async function filesNamedIn(folder: string, words: readonly string[]): Promise<readonly string[]> {
  const names = new Set<string>()
  for (const word of words.slice(0, 32)) {
    const file = path.resolve(folder, word)
    if (path.dirname(file) === folder && (await isFile(file))) names.add(path.basename(file))
  }
  return [...names]
}

/** `"$@"` stands for the further arguments that the settings may have; the word before them is the shell's own name. */
function shell(line: string, args: readonly string[]): readonly string[] {
  return args.length === 0 ? ['sh', '-c', line] : ['sh', '-c', `${line} "$@"`, 'sh']
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

type Script =
  | { readonly kind: 'found'; readonly line: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'broken'; readonly reason: string }

function startScript(text: string | null): Script {
  if (text === null) return { kind: 'none' }
  try {
    const line = (JSON.parse(text) as { scripts?: { start?: unknown } } | null)?.scripts?.start
    return typeof line === 'string' && line.trim() !== '' ? { kind: 'found', line } : { kind: 'none' }
  } catch (error) {
    return { kind: 'broken', reason: messageOf(error) }
  }
}

/** Bytes; a manifest that is larger is none. */
const largestManifest = 1024 * 1024

async function readText(file: string): Promise<string | null> {
  try {
    const stats = await stat(file)
    if (!stats.isFile() || stats.size > largestManifest) return null
    return await readFile(file, 'utf8')
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return null
    throw error
  }
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
