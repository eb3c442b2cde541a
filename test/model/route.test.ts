import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { changeIndex, emptyIndex } from '../../src/model/route-index.ts'
import { matchRoute, type Route } from '../../src/model/route.ts'
import { indexed } from './indexed.ts'
import { settings } from './world.ts'

const route = (app: string, path: string, hosts: string[] = []): Route => {
  return {
    ...settings(app).route,
    app,
    path,
    hosts,
    streams: 0,
    target: { kind: 'closed', why: 'test' },
    poison: null,
    replay: null,
  }
}

const find = (routes: Route[], host: string, path: string): string | null => {
  const match = matchRoute(indexed(routes), host, path)
  return match && `${match.route.app} ${match.prefix}`
}

test('a prefix matches whole segments only', () => {
  const routes = [route('hello', '/hello'), route('api', '/api/app1')]
  assert.equal(find(routes, 'h', '/hello'), 'hello /hello')
  assert.equal(find(routes, 'h', '/hello/x'), 'hello /hello')
  assert.equal(find(routes, 'h', '/hello2'), null)
  assert.equal(find(routes, 'h', '/hell'), null)
  assert.equal(find(routes, 'h', '/api/app10/x'), null)
  assert.equal(find(routes, 'h', '/api'), null)
  assert.equal(find(routes, 'h', '/Hello'), null)
})

test('the longest prefix wins, the root takes the rest, and a host wins over both', () => {
  const routes = [
    route('root', '/'),
    route('api', '/api'),
    route('deep', '/api/v1'),
    route('web', '/web', ['web.localhost']),
  ]
  assert.equal(find(routes, 'h', '/api/v1/x'), 'deep /api/v1')
  assert.equal(find(routes, 'h', '/api/v2'), 'api /api')
  assert.equal(find(routes, 'h', '/'), 'root ')
  assert.equal(find(routes, 'h', '/other'), 'root ')
  assert.equal(find(routes, 'web.localhost', '/api/v1'), 'web ')
})

test('the first owner of a path or a host keeps it', () => {
  const routes = [route('one', '/x', ['x.test']), route('two', '/x', ['x.test'])]
  assert.equal(find(routes, 'h', '/x'), 'one /x')
  assert.equal(find(routes, 'x.test', '/'), 'one ')
})

test('a match is always the longest segment-wise prefix among all routes', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', 'c')
  const path = fc.array(segment, { maxLength: 4, size: 'max' }).map((it) => `/${it.join('/')}`)
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 8, size: 'max' }), path, fc.boolean(), (paths, target, slash) => {
      const routes = paths.map((it, i) => route(`app${i}`, it))
      const asked = slash && target !== '/' ? `${target}/` : target
      const expected = routes
        .filter((it) => it.path === '/' || asked === it.path || asked.startsWith(`${it.path}/`))
        .toSorted((a, b) => b.path.length - a.path.length)[0]
      const match = matchRoute(indexed(routes), 'h', asked)
      assert.equal(match?.route.app, expected?.app)
      if (match && expected) assert.equal(match.prefix, expected.path === '/' ? '' : expected.path)
    }),
  )
})

test('changing an index comes to the same as arranging the table that results', () => {
  const app = fc.constantFrom('one', 'two', 'three', 'four')
  const path = fc.constantFrom('/', '/a', '/a/b', '/b')
  const host = fc.constantFrom('x.test', 'y.test')
  const hosts = fc.uniqueArray(host, { maxLength: 2, size: 'max' })
  const change = fc.record({ app, path, hosts, gone: fc.boolean() })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12, size: 'max' }), (changes) => {
      const index = emptyIndex()
      const table = new Map<string, Route>()
      for (const it of changes) {
        const put = it.gone ? [] : [route(it.app, it.path, it.hosts)]
        for (const one of put) table.set(it.app, one)
        if (it.gone) table.delete(it.app)
        changeIndex(index, { put, gone: it.gone ? [it.app] : [] })
        const whole = indexed([...table.values()])
        assert.deepEqual(index.byPath, whole.byPath)
        assert.deepEqual(new Map(index.byHost), new Map(whole.byHost))
        assert.deepEqual([...index.routes.values()], [...table.values()])
      }
      assert.ok(index.rivals.size <= table.size * 3)
    }),
  )
})
