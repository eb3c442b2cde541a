import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, property, string } from 'fast-check'
import { appName, extensionOf, isIgnoredName, isLabel, printable, unnamedKey } from '../../src/supervisor/names.ts'

test('the name is the file name without its last extension, a folder name whole', () => {
  assert.deepEqual(appName('hello.mjs', false), { ok: true, name: 'hello' })
  assert.deepEqual(appName('hello', false), { ok: true, name: 'hello' })
  assert.deepEqual(appName('a', false), { ok: true, name: 'a' })
  assert.deepEqual(appName('0-9', true), { ok: true, name: '0-9' })
  assert.deepEqual(appName('hello.js', true), { ok: false, suggestion: 'hello-js' })
  assert.deepEqual(appName('x'.repeat(63), false), { ok: true, name: 'x'.repeat(63) })
  assert.deepEqual(appName('x'.repeat(64), false), { ok: false, suggestion: 'x'.repeat(63) })
})

test('an impossible name gets a good one suggested, with its extension', () => {
  const good = (entry: string): string => {
    const named = appName(entry, false)
    return named.ok ? assert.fail(entry) : named.suggestion
  }
  assert.equal(good('My App.sh'), 'my-app.sh')
  assert.equal(good('Grüße.PY'), 'gru-e.py')
  assert.equal(good('-dash-'), 'dash')
  assert.equal(good('日本'), 'app')
  assert.equal(good('hello.tar.gz'), 'hello-tar.gz')
  assert.equal(good('%2f..'), '2f')
})

test('whatever a file is called, it has a name or a suggestion that is one, and its key is nobody else’s name', () => {
  check(
    property(string({ unit: 'binary', minLength: 1, maxLength: 100, size: 'max' }), (entry) => {
      for (const isFolder of [true, false]) {
        const named = appName(entry, isFolder)
        if (named.ok) assert.ok(isLabel(named.name))
        else assert.ok(appName(named.suggestion, isFolder).ok, named.suggestion)
        assert.ok(!isLabel(unnamedKey(entry, isFolder)))
      }
      assert.doesNotMatch(printable(entry), /\p{Cc}/u)
      isIgnoredName(entry)
      assert.ok(entry.endsWith(extensionOf(entry)))
    }),
  )
})

test('left-overs, documentation and data are ignored, apps are not', () => {
  for (const name of [
    '.x',
    'a~',
    '#a#',
    'a.swp',
    'a.part',
    'a.TMP',
    'a.crdownload',
    'README',
    'README.de',
    'x.md',
    'p.html',
  ]) {
    assert.ok(isIgnoredName(name), name)
  }
  for (const name of ['node_modules', '__pycache__', 'a.sqlite', 'a.env', 'a.json', 'Makefile'])
    assert.ok(isIgnoredName(name), name)
  for (const name of ['hello', 'a.out', 'hello.py', 'license-server', 'readme', 'x.bin', 'x.pl']) {
    assert.ok(!isIgnoredName(name), name)
  }
})
