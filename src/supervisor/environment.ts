import { readFile, stat } from 'node:fs/promises'
import { parseEnv } from 'node:util'
import { findFaults } from './env-faults.ts'
import { messageOf, reasonOf } from './errno.ts'

/** What the gateway tells a child by itself. */
export interface Given {
  /** A port, or the path of a Unix socket. */
  readonly place: string
  readonly app: string
  readonly run: number
  /** Random hex of this spawn; the process tree is recognised by it. */
  readonly marker: string
  readonly publicUrl: string
  readonly basePath: string
}

export interface ChildEnvironment {
  readonly env: Record<string, string>
  /** Variables that the app's files or settings set and the gateway's own value replaced. */
  readonly overruled: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * The environment of a child: ours without what npm, Node and systemd said to *us*, then the app's env files, then its
 * settings. PORT and the marker always stand. HOST, PUBLIC_URL and BASE_PATH stand against env files (which are shared
 * with other tools: `PORT=3000` is in every second `.env`), but the operator may set them in the configuration.
 */
export function childEnvironment(
  own: Variables,
  given: Given,
  files: Variables,
  settings: Variables,
): ChildEnvironment {
  const inherited = cleanEnvironment(own)
  const fixed: Record<string, string> = {
    PORT: given.place,
    QUAYMASTER_APP: given.app,
    QUAYMASTER_RUN: String(given.run),
    QUAYMASTER_INSTANCE: given.marker,
  }
  const offered: Record<string, string> = {
    // Beside the path of a socket it would say where not to listen.
    ...(given.place.startsWith('/') ? {} : { HOST: '127.0.0.1' }),
    PUBLIC_URL: given.publicUrl,
    BASE_PATH: given.basePath,
  }
  const chosen = defined({ ...files, ...settings })
  const env = { ...inherited, ...chosen, ...offered, ...pick(settings, Object.keys(offered)), ...fixed }
  settleColour(env, chosen)
  const overruled = Object.keys(chosen).filter((name) => env[name] !== chosen[name] && !colourNames.has(name))
  return { env, overruled }
}

export interface EnvFiles {
  readonly variables: Variables
  /** One sentence for each file with lines that say nothing to the parser; never with what stands in them. */
  readonly faults: readonly string[]
}

/** Reads env files in order, a later one wins. A missing file is fine, one that cannot be read is one sentence. */
export async function readEnvFiles(paths: readonly string[]): Promise<EnvFiles> {
  const faults: string[] = []
  const variables: Record<string, string | undefined> = {}
  for (const path of paths) {
    try {
      const { size, isFile } = await describe(path)
      if (!isFile) throw new Error('not a regular file')
      if (size > largestFile) throw new Error(`${size} bytes, more than the ${largestFile} an env file may have`)
      const text = await readFile(path, 'utf8')
      Object.assign(variables, parseEnv(text))
      const found = findFaults(text)
      const more = found.length > mostFaults ? ` and ${found.length - mostFaults} more` : ''
      if (found.length > 0) {
        faults.push(`The env file ${path} is not all NAME=value: ${found.slice(0, mostFaults).join(', ')}${more}.`)
      }
    } catch (error) {
      if (reasonOf(error) === 'ENOENT') continue
      throw new Error(`cannot read the env file ${path}: ${messageOf(error)}`, { cause: error })
    }
  }
  return { variables, faults }
}

/** How many mistakes of one file are told. */
const mostFaults = 10

/** Bytes; who means a larger one has named the wrong file. */
const largestFile = 1024 * 1024

async function describe(path: string): Promise<{ size: number; isFile: boolean }> {
  // Looked at before it is opened: opening a FIFO would wait for a writer for ever.
  const stats = await stat(path)
  return { size: stats.size, isFile: stats.isFile() }
}

/** Said to this process, not to its children. */
const ours: ReadonlySet<string> = new Set([
  'NODE',
  'INIT_CWD',
  // Node's own words to a forked or clustered child
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'NODE_TEST_CONTEXT',
  // Where a server listens, or by custom of some shells the name of this machine: an app is told its own, or a socket alone
  'HOST',
  // systemd's: sockets, readiness, watchdog and journal of our unit
  'LISTEN_FDS',
  'LISTEN_PID',
  'LISTEN_FDNAMES',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'JOURNAL_STREAM',
  'INVOCATION_ID',
])

function cleanEnvironment(own: Variables): Record<string, string> {
  const byNpm = Object.keys(own).some((name) => name.startsWith('npm_'))
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined || ours.has(name) || /^(npm_|QUAYMASTER_)/.test(name)) continue
    // npm sets COLOR for scripts, and NODE_OPTIONS when its `node-options` setting says so; else it is the user's.
    if (byNpm && name === 'COLOR') continue
    if (name === 'NODE_OPTIONS' && value === own.npm_config_node_options) continue
    env[name] = value
  }
  if (env.PATH !== undefined) env.PATH = cleanPath(env.PATH)
  return env
}

/**
 * npm puts every `node_modules/.bin` up to the root, and its node-gyp-bin, before the user's PATH. The Node that runs us
 * may itself come from there: an app must find the one that its user's shell would find.
 */
function cleanPath(path: string): string {
  return path
    .split(':')
    .filter((entry) => !/(^|\/)node_modules\/(\.bin|.*\/node-gyp-bin)\/?$/.test(entry))
    .join(':')
}

const colourNames: ReadonlySet<string> = new Set(['FORCE_COLOR', 'NO_COLOR'])

/** With both set FORCE_COLOR wins and Node warns on stderr. What the app itself chose stays, else NO_COLOR. */
function settleColour(env: Record<string, string>, chosen: Variables): void {
  if (env.FORCE_COLOR === undefined || env.NO_COLOR === undefined) return
  const forced = chosen.FORCE_COLOR !== undefined && chosen.NO_COLOR === undefined
  delete env[forced ? 'NO_COLOR' : 'FORCE_COLOR']
}

function defined(variables: Variables): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) result[name] = value
  return result
}

function pick(variables: Variables, names: readonly string[]): Record<string, string> {
  return defined(Object.fromEntries(names.map((name) => [name, variables[name]])))
}
