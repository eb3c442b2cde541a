import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { show } from './finding.ts'
import { lineOfSyntaxError } from './syntax-error.ts'

export interface Explanation {
  readonly file: string
  readonly line: number | null
  readonly message: string
}

/** What is known about one import of a configuration, and from that the sentence about why it failed. */
export class Trace {
  /** Marks the URLs of this import, and makes them new to Node. */
  readonly version: string
  readonly #entry: string
  readonly #files: Set<string>
  #loading: string
  #missing: { readonly specifier: string; readonly parent: string; readonly error: unknown } | null = null

  constructor(entry: string, version: string) {
    this.version = version
    this.#entry = entry
    this.#loading = entry
    this.#files = new Set([entry])
  }

  /** Absolute paths: what was imported, and what would have been if it existed. */
  get files(): readonly string[] {
    return [...this.#files]
  }

  isOurs(url: string | undefined): boolean {
    if (url?.startsWith('file:') !== true) return false
    return url.endsWith(this.version) || (!url.includes('?') && this.#files.has(fileURLToPath(url)))
  }

  resolved(path: string): void {
    if (path !== realpathOf(this.#entry)) this.#files.add(path)
  }

  loading(url: string): void {
    if (this.isOurs(url)) this.#loading = fileURLToPath(url)
  }

  missing(specifier: string, parentUrl: string | undefined, error: unknown): void {
    const parent = parentUrl === undefined ? this.#entry : fileURLToPath(parentUrl)
    this.#missing = { specifier, parent, error }
    // Watched too: creating the file is one way to mend it.
    if (/^\.{0,2}\//.test(specifier)) this.#files.add(resolve(dirname(parent), specifier))
  }

  async explain(error: unknown): Promise<Explanation> {
    if (this.#missing !== null && this.#missing.error === error) return explainMissing(this.#missing)
    if (!(error instanceof Error)) return { file: this.#entry, line: null, message: `throws ${show(error)}` }
    const message = this.#clean(error.message)
    const place = this.#placeIn(error.stack ?? '')
    if (place?.isTop) return { ...place, message: `cannot be loaded: ${message}` }
    if (place !== null) return { ...place, message: `throws an error: ${message}` }
    if (!(error instanceof SyntaxError))
      return { file: this.#entry, line: null, message: `cannot be loaded: ${message}` }
    // V8 keeps the place of a syntax error in a module to itself. What was loaded last is what was being compiled.
    const line = await lineOfSyntaxError(readFileSync(this.#loading, 'utf8'))
    return { file: this.#loading, line, message: `cannot be loaded: ${message}` }
  }

  /** The first place in a stack that is in one of our files; `isTop` when the stack begins with it: a syntax error. */
  #placeIn(stack: string): { readonly file: string; readonly line: number; readonly isTop: boolean } | null {
    let first: { file: string; line: number; at: number } | null = null
    for (const file of this.#files) {
      for (const shown of new Set([file, realpathOf(file)])) {
        for (const prefix of [
          `${shown}:`,
          `${pathToFileURL(shown).href}${this.version}:`,
          `${pathToFileURL(shown).href}:`,
        ]) {
          const at = stack.indexOf(prefix)
          const line = at === -1 ? NaN : parseInt(stack.slice(at + prefix.length), 10)
          if (line > 0 && at < (first?.at ?? Infinity)) first = { file, line, at }
        }
      }
    }
    return first && { file: first.file, line: first.line, isTop: first.at === 0 }
  }

  /** One line, without our marks. */
  #clean(message: string): string {
    const [line = ''] = message.replaceAll(this.version, '').trim().split('\n')
    return line === '' ? 'without a message' : line
  }
}

function explainMissing({
  specifier,
  parent,
  error,
}: {
  specifier: string
  parent: string
  error: unknown
}): Explanation {
  const line = lineOfSpecifier(parent, specifier)
  const isFile = /^(?:\.{0,2}\/|file:)/.test(specifier)
  const code = error instanceof Error && 'code' in error ? error.code : null
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : show(error)
    return { file: parent, line, message: `imports '${specifier}', which cannot be found: ${reason}` }
  }
  if (!isFile) return { file: parent, line, message: `imports the package '${specifier}', which is not installed` }
  const meant = nearby(specifier, parent)
  const hint = meant === null ? '' : `; did you mean '${meant}'?`
  return { file: parent, line, message: `imports '${specifier}', which does not exist${hint}` }
}

/** Node wants the extension that bundlers let one leave out, and the one the file really has. */
function nearby(specifier: string, parent: string): string | null {
  const stem = specifier.replace(/\.[mc]?[jt]s$/, '')
  const candidates = ['.ts', '.mts', '.js', '.mjs', '.json', '/index.ts', '/index.js'].map((end) => stem + end)
  return candidates.find((candidate) => existsSync(resolve(dirname(parent), candidate))) ?? null
}

function lineOfSpecifier(file: string, specifier: string): number | null {
  const lines = readFileSync(file, 'utf8').split('\n')
  const quoted = [`'${specifier}'`, `"${specifier}"`, `\`${specifier}\``]
  const index = lines.findIndex((line) => quoted.some((it) => line.includes(it)))
  return index === -1 ? null : index + 1
}

function realpathOf(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return resolve(realpathSync(dirname(file)), basename(file))
  }
}
