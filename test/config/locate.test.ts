import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assert as check, array, constantFrom, dictionary, integer, nat, oneof, property, string } from 'fast-check'
import { locate } from '../../src/config/locate.ts'

describe('locate', () => {
  it('finds a key in what defineConfig is given', () => {
    const text = `import { defineConfig } from 'quaymaster'

export default defineConfig({
  listen: { port: 80 },
  apps: {
    hello: {
      health: { path: '/x',
        interval: '2 parsecs',
      },
    },
    'two-words': { instances: 0 },
  },
})
`
    assert.equal(locate(text, ['listen', 'port']), 4)
    assert.equal(locate(text, ['apps', 'hello', 'health', 'interval']), 8)
    assert.equal(locate(text, ['apps', 'two-words', 'instances']), 11)
  })

  it('is not misled by comments, strings, templates and regular expressions', () => {
    const text = `// apps: { hello: { auth: 1 } }
/* export default { apps: {
   hello: { auth: 1 } } } */
const noise = "export default { apps: { hello: { auth: 1 } } }"
const more = \`export default { apps: { \${ { a: \`}\` } } hello: { auth: 1 } }\`
const quote = /["'\`{/]/.test('x')
export default {
  apps: { hello: { env: { A: 'auth: {' }, // auth: 5
    auth: 5 } },
}`
    assert.equal(locate(text, ['apps', 'hello', 'auth']), 9)
  })

  it('follows constants, shorthand, spread, satisfies and lists', () => {
    const text = `const common: { a: string } = {
  strip: 'no',
}
const tokens = [
  { name: 'a' },
  { name: 'b',
    sha256: 'x' },
]
const hello = Object.freeze({ ...common, auth: 'tokens' })
const config = {
  auth: { tokens },
  apps: { hello },
} satisfies object
export default config
`
    assert.equal(locate(text, ['apps', 'hello', 'strip']), 2)
    assert.equal(locate(text, ['apps', 'hello', 'auth']), 9)
    assert.equal(locate(text, ['auth', 'tokens', 1, 'sha256']), 7)
    assert.equal(locate(text, ['auth', 'tokens', 1, 'name']), 6)
  })

  it('answers with the nearest thing that is written', () => {
    const text = `export default {\n  apps: {\n    hello: make(),\n  },\n}`
    assert.equal(locate(text, ['apps', 'hello', 'health', 'interval']), 3)
    assert.equal(locate(text, ['apps', 'other']), 2)
    assert.equal(locate(text, ['listen']), null)
  })

  it('guesses the best object when the export is an expression', () => {
    const text = `function make() {\n  return {\n    apps: {\n      hello: 1 } }\n}\nexport default make()`
    assert.equal(locate(text, ['apps', 'hello']), 4)
  })

  it('ends on constants that name each other', () => {
    assert.equal(locate('const a = b\nconst b = a\nexport default { x: a, ...b }', ['x', 'y']), 3)
  })

  it('bears nesting deeper than the stack', () => {
    const deep = 200_000
    locate(`export default ${'('.repeat(deep)}`, ['a'])
    locate(
      `export default ${'{a:'.repeat(deep)}`,
      Array.from({ length: 100 }, () => 'a'),
    )
  })

  it('finds every leaf of any JSON in the very line it was printed', () => {
    check(
      property(dictionary(string(), dictionary(string(), integer())), (value) => {
        const text = JSON.stringify(value, null, 2)
        let line = 1
        for (const [outer, inner] of Object.entries(JSON.parse(text) as typeof value)) {
          line++
          // Escaped keys are only located as well as their escapes can be read.
          const plain = (key: string): boolean => /^[ !#-[\]-~]*$/.test(key)
          if (plain(outer)) assert.equal(locate(text, [outer]), line)
          for (const key of Object.keys(inner)) {
            line++
            if (plain(outer) && plain(key)) assert.equal(locate(text, [outer, key]), line)
          }
          if (Object.keys(inner).length > 0) line++
        }
      }),
    )
  })

  it('never throws and never leaves the file, whatever the text', () => {
    const piece = constantFrom(
      'export',
      ' default ',
      '{',
      '}',
      '[',
      ']',
      '(',
      ')',
      ':',
      ',',
      '...',
      '=',
      'const ',
      'a',
      'b',
      "'",
      '"',
      '`',
      '${',
      '/',
      '/*',
      '*/',
      '//',
      '\\',
      '\n',
      ' ',
      'defineConfig',
      'await ',
      '\u2028',
      '\uD800',
    )
    const long = { size: 'max', maxLength: 400 } as const
    const text = oneof(
      string({ unit: 'binary', ...long }),
      array(piece, long).map((p) => p.join('')),
    )
    const path = array(oneof(constantFrom('a', 'b'), nat(3), string()), { maxLength: 6 })
    check(
      property(text, path, (text, path) => {
        const line = locate(text, path)
        assert.ok(line === null || (line >= 1 && line <= text.split('\n').length))
      }),
      { numRuns: 100 },
    )
  })
})
