import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'

/**
 * The layers of ARCHITECTURE.md, held by reading the import statements: TypeScript 7 has no API yet and
 * dependency-cruiser finds no modules with it (and says that all is well).
 */

const src = path.resolve(import.meta.dirname, '../src')
/** From left to right: a file imports from its own folder or from one to the left; equal ranks never meet. */
const ranks: Readonly<Record<string, number>> = {
  lib: 0,
  http: 1,
  model: 2,
  config: 3,
  observe: 4,
  supervisor: 5,
  gateway: 5,
  admin: 5,
  main: 6,
  cli: 7,
}
/** Decide without doing: no `node:` import, no clock, no log, no chance. */
const pure = new Set(['http', 'model'])
const longest = 300
const bannedNames = /(Manager|Helper|Utils?|Handler|Context|Service)s?$/

interface Source {
  /** Relative to src/, with slashes. */
  readonly name: string
  readonly layer: string
  /** Without comments. */
  readonly code: string
  readonly lines: number
  /** What is imported from src/, relative to it, and everything else as written. */
  readonly imports: readonly string[]
  readonly packages: readonly string[]
}

const sources: readonly Source[] = fs.globSync('**/*.ts', { cwd: src }).sort().map(readSource)
const byName = new Map(sources.map((source) => [source.name, source]))

test('there is something to look at, in every layer', () => {
  const layers = new Set(sources.map(({ layer }) => layer))
  assert.deepEqual([...layers].sort(), Object.keys(ranks).sort())
})

test('every import is understood', () => {
  for (const { name, imports } of sources) {
    for (const target of imports) assert.ok(byName.has(target), `${name} imports ${target}, which is not in src/`)
  }
})

test('a file imports from its own folder or from a layer to the left', () => {
  const wrong = edges().filter(([from, to]) => from.layer !== to.layer && rank(from) <= rank(to))
  assert.deepEqual(wrong.map(arrow), [])
})

test('model and http import nothing of Node and no package', () => {
  const wrong = sources.filter(({ layer, packages }) => pure.has(layer) && packages.length > 0)
  assert.deepEqual(
    wrong.map(({ name, packages }) => `${name}: ${packages.join(', ')}`),
    [],
  )
})

test('model and http import only what is pure itself', () => {
  const impure = sources.filter(({ packages, code }) => packages.length > 0 || impurities(code).length > 0)
  const wrong = edges().filter(([from, to]) => pure.has(from.layer) && impure.includes(to))
  // The Clock is an interface; its one implementation is what makes the file impure, and types are erased.
  const real = wrong.filter(([from, to]) => !importsOnlyTypes(from, to))
  assert.deepEqual(real.map(arrow), [])
})

test('model and http ask neither the clock nor chance nor the process, and say nothing', () => {
  const wrong = sources
    .filter(({ layer }) => pure.has(layer))
    .flatMap(({ name, code }) => impurities(code).map((word) => `${name}: ${word}`))
  assert.deepEqual(wrong, [])
})

test(`no file is longer than ${longest} lines`, () => {
  const wrong = sources.filter(({ lines }) => lines > longest)
  assert.deepEqual(
    wrong.map(({ name, lines }) => `${name}: ${lines}`),
    [],
  )
})

test('no imports go round in a circle', () => {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (name: string, trail: readonly string[]): void => {
    if (trail.includes(name)) cycles.push([...trail.slice(trail.indexOf(name)), name].join(' → '))
    else if (!done.has(name)) {
      for (const next of byName.get(name)?.imports ?? []) visit(next, [...trail, name])
      done.add(name)
    }
  }
  for (const { name } of sources) visit(name, [])
  assert.deepEqual(cycles, [])
})

test('no file passes on what another one exports', () => {
  const wrong = sources.filter(({ code }) => /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as\s+\w+\s+)?from\b/m.test(code))
  // What `import … from 'quaymaster'` gives is the one door of the package.
  const barrels = wrong.filter(({ name, code }) => name !== 'config/config.ts' || /^export\s+\*/m.test(code))
  assert.deepEqual(
    barrels.map(({ name }) => name),
    [],
  )
})

test('nothing is called Manager, Helper, Utils, Handler, Context or Service', () => {
  const wrong = sources.flatMap(({ name, code }) => {
    const exported = [
      ...code.matchAll(
        /^export\s+(?:default\s+)?(?:async\s+)?(?:abstract\s+)?(?:const|let|function\*?|class|interface|type)\s+(\w+)/gm,
      ),
    ]
    const file = path.basename(name, '.ts').split('-').at(-1) ?? ''
    const named = [...exported.map(([, identifier = '']) => identifier), file[0]?.toUpperCase() + file.slice(1)]
    return named.filter((identifier) => bannedNames.test(identifier)).map((identifier) => `${name}: ${identifier}`)
  })
  assert.deepEqual(wrong, [])
})

test('no part emits events to another one by name', () => {
  const wrong = sources.filter(({ code }) => /extends\s+EventEmitter|new\s+EventEmitter/.test(code))
  assert.deepEqual(
    wrong.map(({ name }) => name),
    [],
  )
})

test('argv and exit codes are touched in cli only', () => {
  const wrong = sources.filter(({ layer, code }) => {
    return layer !== 'cli' && /\bprocess\.(argv|exit|exitCode)\b(?!\s*===)/.test(code)
  })
  assert.deepEqual(
    wrong.map(({ name }) => name),
    [],
  )
})

test('the rules see what they forbid', () => {
  const bad = parse(
    'model/bad.ts',
    [
      "import fs from 'node:fs'",
      "import { up } from '../cli/up.ts'",
      "export * from './other.ts'",
      "const late = await import('../main.ts')",
      '// Date.now() in a comment is nothing',
      'export const now = Date.now()',
    ].join('\n'),
  )
  assert.deepEqual(bad.packages, ['node:fs'])
  assert.deepEqual(bad.imports, ['cli/up.ts', 'model/other.ts', 'main.ts'])
  assert.deepEqual(impurities(bad.code), ['Date.now'])
  assert.equal(bad.layer, 'model')
  assert.match('RequestHandler', bannedNames)
  assert.doesNotMatch('handlerless', bannedNames)
})

function readSource(name: string): Source {
  return parse(name.replaceAll(path.sep, '/'), fs.readFileSync(path.join(src, name), 'utf8'))
}

function parse(name: string, text: string): Source {
  const code = withoutComments(text)
  const targets = [
    ...code.matchAll(/^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm),
    ...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
  ].map(([, target = '']) => target)
  const own = targets.filter((target) => target.startsWith('.'))
  return {
    name,
    layer: name.includes('/') ? name.slice(0, name.indexOf('/')) : path.posix.basename(name, '.ts'),
    code,
    lines: text.split('\n').length - 1,
    imports: own.map((target) => path.posix.join(path.posix.dirname(name), target)),
    packages: targets.filter((target) => !target.startsWith('.')),
  }
}

/** Line by line, so that `//` inside of a URL and `/*` inside of a glob are left alone. */
function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, '').replaceAll(/^\s*\/\/.*$|(?<=\s)\/\/ .*$/gm, '')
}

function impurities(code: string): string[] {
  const words =
    /\b(Date\.now|new Date\(\)|Math\.random|performance\.|process\.|console\.|crypto\.|setTimeout|setInterval|setImmediate|queueMicrotask)/g
  return [...code.matchAll(words)].map(([word]) => word)
}

function importsOnlyTypes(from: Source, to: Source): boolean {
  const base = path.posix.basename(to.name)
  return !new RegExp(`^import\\s+(?!type\\b)[^'";]*from\\s*['"][^'"]*${base}['"]`, 'm').test(from.code)
}

function edges(): [Source, Source][] {
  return sources.flatMap((from) => {
    return from.imports.flatMap((target): [Source, Source][] => {
      const to = byName.get(target)
      return to ? [[from, to]] : []
    })
  })
}

function rank({ layer }: Source): number {
  return ranks[layer] ?? Number.POSITIVE_INFINITY
}

function arrow([from, to]: readonly [Source, Source]): string {
  return `${from.name} → ${to.name}`
}
