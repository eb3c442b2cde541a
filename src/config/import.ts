import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire, registerHooks, type ResolveFnOutput, type ResolveHookContext } from 'node:module'
import { extname, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { formatDuration } from '../lib/duration.ts'
import { Trace } from './trace.ts'

export type Imported =
  | { readonly ok: true; readonly value: unknown; readonly files: readonly string[] }
  /** `message` continues a sentence about the file: "throws an error: …". */
  | {
      readonly ok: false
      readonly file: string
      readonly line: number | null
      readonly message: string
      readonly files: readonly string[]
    }

/**
 * Imports a module and everything it imports anew, whatever was imported before, and tells which files that were.
 * `quaymaster` resolves to this very installation, so that a configuration needs none beside it. Packages in
 * node_modules are shared with earlier imports. Node keeps what it once imported: some kilobytes for each reload.
 */
export async function importFresh(file: string, deadline: number): Promise<Imported> {
  const trace = new Trace(file, `?quaymaster=${++imports}`)
  const hooks = registerHooks({
    resolve: (specifier, context, next) => resolveOurs(trace, specifier, context, next),
    load: (url, context, next) => {
      trace.loading(url)
      return next(url, context)
    },
  })
  try {
    const namespace: unknown = await within(deadline, import(pathToFileURL(file).href + trace.version))
    const exports = namespace as Record<string, unknown>
    if (exports.default !== undefined) return { ok: true, value: exports.default, files: trace.files }
    const others = Object.keys(exports).filter((name) => name !== 'default' && name !== 'module.exports')
    const instead = others.length > 0 ? `, only ${others.join(', ')}` : ''
    const message = `has no default export${instead}: write export default defineConfig({ … })`
    return { ok: false, file, line: null, message, files: trace.files }
  } catch (error) {
    return { ok: false, ...(await trace.explain(error)), files: trace.files }
  } finally {
    hooks.deregister()
    forgetRequired(trace.files)
  }
}

let imports = 0

type Next = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput

function resolveOurs(trace: Trace, specifier: string, context: ResolveHookContext, next: Next): ResolveFnOutput {
  if (!trace.isOurs(context.parentURL) && !specifier.endsWith(trace.version)) return next(specifier, context)
  if (specifier === 'quaymaster') return next(ownEntry, context)
  let resolved: ResolveFnOutput
  try {
    resolved = next(specifier, context)
  } catch (error) {
    trace.missing(specifier, context.parentURL, error)
    throw error
  }
  if (!resolved.url.startsWith('file:')) return resolved
  const path = fileURLToPath(resolved.url)
  if (path.includes(`${sep}node_modules${sep}`)) return resolved
  trace.resolved(path)
  const format = formatOf(path, resolved.format)
  // What `require` loads is known by its path alone; it is fresh because `forgetRequired` has emptied its cache.
  if (context.conditions.includes('require')) return resolved
  return { ...resolved, url: pathToFileURL(path).href + trace.version, ...(format !== undefined && { format }) }
}

/** config.ts beside this file, or config.js when this is the built one. */
const ownEntry: string = new URL(`./config${extname(import.meta.url)}`, import.meta.url).href

/**
 * `npm init` writes "type": "commonjs", and without any type Node warns about the time it loses by guessing: neither
 * is a reason to refuse a configuration that is plainly a module, as all are that import defineConfig.
 */
function formatOf(path: string, format: string | null | undefined): string | undefined {
  if (/\.m?ts$/.test(path)) return 'module-typescript'
  return path.endsWith('.js') && format !== 'module' && isModule(path) ? 'module' : (format ?? undefined)
}

function isModule(path: string): boolean {
  return /^[ \t]*(?:import|export)\b/m.test(readFileSync(path, 'utf8'))
}

function forgetRequired(files: readonly string[]): void {
  const { cache } = createRequire(import.meta.url)
  for (const file of files) delete cache[existsSync(file) ? realpathSync(file) : file]
}

async function within<T>(deadline: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const reason = `it takes longer than ${formatDuration(deadline)} and seems to await something that never comes`
  const timer = setTimeout(() => late.reject(new Error(reason)), deadline)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
