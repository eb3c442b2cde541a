import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { admit, type Admission, type Ask, type Caller, subjectFor, wishes } from '../../src/model/admission.ts'
import type { Route, Target } from '../../src/model/route.ts'
import { indexed } from './indexed.ts'

const now = 1_000
const known: Caller = { kind: 'known', subject: 'me', apps: null, crossSite: null }
const narrow: Caller = { ...known, apps: ['other'] }
const foreign: Caller = { ...known, crossSite: 'Another site.' }

function route(target: Target, more: Partial<Route> = {}): Route {
  return {
    app: 'hello',
    path: '/hello',
    hosts: ['hello.localhost'],
    strip: true,
    auth: 'token',
    hold: { for: 500, max: 10 },
    poison: null,
    replay: null,
    timeouts: { connect: 0, response: 0, idle: 0, total: 0 },
    connections: { max: 4_096, queue: 1_024, idle: null },
    streams: 0,
    target,
    ...more,
  }
}

const upstreams = [1, 2].map((run) => ({ run, host: '127.0.0.1', port: 4000 + run }))
const ready: Target = { kind: 'ready', upstreams }

function decision(target: Target, ask: Partial<Ask> = {}, more: Partial<Route> = {}): Admission {
  const all: Ask = {
    method: 'GET',
    host: 'h',
    path: '/hello/',
    query: '',
    caller: known,
    held: 0,
    avoid: new Set(),
    was: null,
    ...ask,
  }
  return admit(all, indexed([route(target, more)]), now)
}

function decide(...asked: Parameters<typeof decision>): string {
  const decided = decision(...asked)
  switch (decided.kind) {
    case 'refuse':
      return `${decided.code}${decided.retryAfter === null ? '' : ` ${decided.retryAfter}`}`
    case 'relay':
      return `relay ${decided.upstreams.map(({ run }) => run).join(' ')}`
    case 'hold':
      return `hold ${decided.for}`
    case 'redirect':
      return `redirect ${decided.to}`
    case 'remote':
      return `remote ${decided.url}`
  }
}

describe('admit', () => {
  test('asks who it is before it tells what exists', () => {
    const anonymous: Caller = { kind: 'anonymous' }
    assert.equal(decide(ready, { caller: anonymous, path: '/nothing' }), 'unauthenticated')
    assert.equal(decide(ready, { caller: anonymous }), 'unauthenticated')
    assert.equal(decide(ready, { caller: { kind: 'unknown' }, path: '/hello' }), 'unauthenticated')
    assert.equal(decide(ready, { caller: { kind: 'ambiguous', reason: '' } }), 'ambiguous-credentials')
    assert.equal(decide(ready, { path: '/nothing' }), 'no-route')
    assert.equal(decide(ready, { caller: narrow, path: '/nothing' }), 'no-route')
    assert.equal(decide(ready, { caller: narrow }), 'forbidden')
    assert.equal(decide(ready, { caller: foreign }), 'cross-origin')
    assert.equal(decide({ kind: 'closed', why: '' }, { caller: anonymous }), 'unauthenticated')
  })

  test('tells who waited for a public app that it has gone, and of any other only who may know', () => {
    const [anonymous, path] = [{ kind: 'anonymous' } as const, '/gone/']
    const [open, closed] = (['none', 'token'] as const).map((auth) => route(ready, { app: 'gone', auth }))
    assert.equal(decide(ready, { caller: anonymous, path, was: open ?? null }), 'no-route')
    assert.equal(decide(ready, { caller: anonymous, path, was: closed ?? null }), 'unauthenticated')
    assert.equal(decide(ready, { path, was: closed ?? null }), 'no-route')
    // Another app is there now, and that one asks who it is.
    assert.equal(decide(ready, { caller: anonymous, was: open ?? null }), 'unauthenticated')
  })

  test('lets everybody to a public app', () => {
    for (const caller of [
      { kind: 'anonymous' },
      { kind: 'unknown' },
      { kind: 'ambiguous', reason: '' },
      narrow,
      foreign,
    ] as const)
      assert.equal(decide(ready, { caller }, { auth: 'none' }), 'relay 1 2')
  })

  test('sends a reader of the bare prefix to the one with a slash', () => {
    assert.equal(decide(ready, { path: '/hello', query: '?x' }), 'redirect /hello/?x')
    assert.equal(decide(ready, { path: '/hello', method: 'HEAD' }), 'redirect /hello/')
    assert.equal(decide(ready, { path: '/hello', method: 'POST' }), 'relay 1 2')
    assert.equal(decide(ready, { path: '/hello' }, { strip: false }), 'relay 1 2')
    assert.equal(decide(ready, { path: '/', host: 'hello.localhost' }), 'relay 1 2')
  })

  test('leaves out what the request has to avoid, and holds it when nothing remains', () => {
    assert.equal(decide(ready, { avoid: new Set([1]) }), 'relay 2')
    assert.equal(decide(ready, { avoid: new Set([1, 2]) }), 'hold 500')
    assert.equal(decide(ready, { avoid: new Set([1, 2]), held: 500 }), 'not-ready 1')
  })

  test('holds for an app that is worth waiting for, as long as is left', () => {
    const waiting = (until: number | null): Target => ({ kind: 'waiting', why: 'starting', until })
    assert.equal(decide(waiting(null)), 'hold 500')
    assert.equal(decide(waiting(null), { held: 200 }), 'hold 300')
    assert.equal(decide(waiting(null), { held: 500 }), 'not-ready 1')
    assert.equal(decide(waiting(now + 500)), 'hold 500')
    assert.equal(decide(waiting(now + 501)), 'not-ready 1')
    assert.equal(decide(waiting(now + 4_200)), 'not-ready 5')
    assert.equal(decide(waiting(now - 9)), 'hold 500')
    assert.equal(decide(waiting(null), {}, { hold: { for: 0, max: 10 } }), 'not-ready 1')
  })

  test('has a resting app started for whoever waits, and for whoever may not wait so long', () => {
    const waiting = (until: number | null): Target => ({ kind: 'waiting', why: 'resting', until })
    const none = { hold: { for: 0, max: 10 } }
    assert.ok(wishes(decision(waiting(null))))
    assert.ok(wishes(decision(waiting(now))))
    assert.ok(wishes(decision(waiting(now + 4_200))))
    assert.ok(wishes(decision(waiting(now), { held: 500 })))
    assert.equal(decide(waiting(now), {}, none), 'not-ready 1')
    assert.ok(wishes(decision(waiting(now), {}, none)))
    // It starts already.
    assert.ok(!wishes(decision(waiting(null), {}, none)))
    // Ready, but this one has to avoid it.
    assert.ok(!wishes(decision(ready, { avoid: new Set([1, 2]) })))
    assert.ok(!wishes(decision(ready, { avoid: new Set([1, 2]), held: 500 })))
    assert.ok(!wishes(decision(waiting(now + 4_200), { caller: { kind: 'unknown' } })))
    assert.ok(!wishes(decision(waiting(now + 4_200), { path: '/hello' })))
    assert.ok(!wishes(decision({ kind: 'closed', why: 'stopped' })))
    assert.ok(!wishes(decision(ready)))
  })

  test('refuses what is closed and passes on what is remote', () => {
    assert.equal(decide({ kind: 'closed', why: 'stopped' }), 'closed')
    assert.equal(decide({ kind: 'remote', url: 'http://x' }), 'remote http://x')
  })
})

test('subjectFor names only who may call and meant to', () => {
  const of = (caller: Caller): string | null => subjectFor(caller, route(ready))
  assert.equal(of(known), 'me')
  for (const caller of [narrow, foreign, { kind: 'anonymous' } as const, { kind: 'unknown' } as const])
    assert.equal(of(caller), null)
})
