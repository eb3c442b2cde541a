import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { joinPath, localTarget, maskTarget, normalisePath, parseTarget, stripPrefix } from '../../src/http/target.ts'

function pathOf(raw: string): string | null {
  const parsed = parseTarget(raw)
  return parsed.kind === 'origin' ? parsed.path : null
}

describe('parseTarget', () => {
  const normal: [raw: string, path: string][] = [
    ['/', '/'],
    ['/hello', '/hello'],
    ['/hello/', '/hello/'],
    ['/hello/../clock/', '/clock/'],
    ['/hello/%2e%2e/clock/', '/clock/'],
    ['/hello/%2E./clock/', '/clock/'],
    ['/hello/.%2e/clock/', '/clock/'],
    ['/hello/..', '/'],
    ['/hello/.', '/hello/'],
    ['/hello/%2e', '/hello/'],
    ['/hello/x/./y/../z', '/hello/x/z'],
    ['/../../etc/passwd', '/etc/passwd'],
    ['//hello/x', '/hello/x'],
    ['///hello', '/hello'],
    ['/a/..//evil.test/', '/evil.test/'],
    ['/hello//x', '/hello//x'],
    ['/hello//../x', '/hello/x'],
    ['/...', '/...'],
    ['/.hidden', '/.hidden'],
    ['/..;/x', '/..;/x'],
    ['/a%20b+c/%E2%82%AC', '/a%20b+c/%E2%82%AC'],
    ['/a%2fb', '/a%2fb'],
    ['/a%2Fb', '/a%2Fb'],
    ['/a%5cb', '/a%5cb'],
    ['/a\\b', '/a\\b'],
    ['/%252e%252e/x', '/%252e%252e/x'],
    ['/%252e%252e%252fx', '/%252e%252e%252fx'],
    ['/%25', '/%25'],
    ['/~a/b;v=1/c,d!$&\'()*=:@|{}^"<>', '/~a/b;v=1/c,d!$&\'()*=:@|{}^"<>'],
  ]
  for (const [raw, path] of normal) {
    test(`reads ${raw} as ${path}`, () => {
      assert.equal(pathOf(raw), path)
    })
  }

  const refused = [
    '',
    'hello',
    'h:80',
    '/a b',
    '/a\tb',
    '/a\x00',
    '/a\x7f',
    '/caf\xe9',
    '/a#b',
    '/a?b#c',
    '/%00',
    '/a/%00b',
    '/%zz',
    '/%2',
    '/%',
    '/hello/..%2fclock',
    '/hello/..%2Fclock',
    '/hello/..%5cclock',
    '/hello/%2e%2e%2fclock',
    '/hello/x%2f..',
    '/hello/x%2f%2e%2e%2fy',
    '/hello\\..\\clock',
    '/hello/..\\clock',
    '/x%5c.%5cy',
    'https://h/x',
    'file:///etc/passwd',
    'http://u:p@h/x',
    'ftp://h/',
  ]
  for (const raw of refused) {
    test(`refuses ${JSON.stringify(raw)}`, () => {
      assert.equal(parseTarget(raw).kind, 'invalid')
    })
  }

  test('takes the authority of an absolute target out of it', () => {
    assert.deepEqual(parseTarget('http://h:80/hello/../x?y'), {
      kind: 'origin',
      path: '/x',
      query: '?y',
      authority: 'h:80',
    })
    assert.deepEqual(parseTarget('HTTP://h'), { kind: 'origin', path: '/', query: '', authority: 'h' })
    assert.deepEqual(parseTarget('http://h?x'), { kind: 'origin', path: '/', query: '?x', authority: 'h' })
  })

  test('knows the asterisk', () => {
    assert.equal(parseTarget('*').kind, 'asterisk')
  })

  test('never touches a query', () => {
    for (const query of ['?', '?a=1;b=2&c=%zz', '?../..', '?//x', '?a?b', '?%2e%2e%2f']) {
      const parsed = parseTarget(`/x/../y${query}`)
      assert.equal(parsed.kind === 'origin' ? parsed.query : null, query)
    }
  })
})

describe('normalisePath', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '.',
    '..',
    '%2e',
    '%2E',
    '/',
    '//',
    '%2f',
    '%5c',
    '\\',
    ';',
    '%',
    '%00',
    '%25',
    '%20',
    ':',
    '@',
    '~',
  )
  const paths = fc.array(piece, { size: 'max', maxLength: 30 }).map((pieces) => `/${pieces.join('')}`)
  const dot = /^(?:\.|%2e){1,2}$/i

  test('gives a path without dot segments, however it is split or decoded once', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const normal = normalisePath(path)
        if ('reason' in normal) return
        assert.ok(normal.path.startsWith('/') && !normal.path.startsWith('//'))
        for (const segment of normal.path.split('/')) assert.ok(!dot.test(segment), normal.path)
        const decoded = normal.path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
          String.fromCharCode(parseInt(hex, 16)),
        )
        for (const segment of decoded.split(/[/\\]/)) assert.ok(segment !== '.' && segment !== '..', normal.path)
      }),
      { numRuns: 2_000 },
    )
  })

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(paths, (path) => {
        const once = normalisePath(path)
        if (!('reason' in once)) assert.deepEqual(normalisePath(once.path), once)
      }),
      { numRuns: 2_000 },
    )
  })

  test('means what the URL standard means, up to the slashes in front', () => {
    const plain = fc.constantFrom('a', 'b', '.', '..', '%2e', '/', 'c%20d')
    fc.assert(
      fc.property(fc.array(plain, { size: 'max', maxLength: 20 }), (pieces) => {
        const path = `/${pieces.join('')}`
        const normal = normalisePath(path)
        assert.ok('path' in normal)
        const standard = new URL(`http://h${path}`).pathname.replace(/^\/+/, '/')
        // The standard, unlike RFC 3986 §5.2.4, keeps encoded dots inside a longer segment as we do.
        assert.equal(normal.path, standard)
      }),
      { numRuns: 2_000 },
    )
  })

  test('keeps an ordinary path byte for byte', () => {
    const segment = fc.stringMatching(/^[a-z0-9;=,:@!$&'()*+~_-]{1,8}$/)
    fc.assert(
      fc.property(fc.array(segment, { size: 'max', maxLength: 8 }), (segments) => {
        const path = `/${segments.join('/')}`
        assert.deepEqual(normalisePath(path), { path })
      }),
    )
  })
})

test('stripping a prefix leaves a path with one slash in front', () => {
  assert.equal(stripPrefix('/hello', '/hello'), '/')
  assert.equal(stripPrefix('/hello/', '/hello'), '/')
  assert.equal(stripPrefix('/hello/x', '/hello'), '/x')
  assert.equal(stripPrefix('/hello///evil.test', '/hello'), '/evil.test')
  assert.equal(stripPrefix('/x//y', ''), '/x//y')
})

test('a base path goes in front', () => {
  assert.equal(joinPath('/', '/x'), '/x')
  assert.equal(joinPath('/base/', '/x'), '/base/x')
  assert.equal(joinPath('/base', '/'), '/base/')
})

test('after login one only goes to a local target', () => {
  assert.equal(localTarget('/hello/?a=b'), '/hello/?a=b')
  for (const elsewhere of [
    '',
    'x',
    '//evil.test',
    '/\\evil.test',
    'http://evil.test',
    '/\t/evil.test',
    '/-/logout',
    '/-',
    '/x/../-/logout',
  ])
    assert.ok(['/', '/evil.test'].includes(localTarget(elsewhere)), elsewhere)
})

describe('maskTarget', () => {
  const cases: [target: string, masked: string][] = [
    ['/x', '/x'],
    ['/x?', '/x?'],
    ['/x?a=1&b', '/x?a=1&b'],
    ['/x?token=abc', '/x?token=***'],
    ['/x?a=1&access_token=abc&b=2', '/x?a=1&access_token=***&b=2'],
    ['/x?api_key=abc;key=d', '/x?api_key=***;key=***'],
    ['/x?apiKey=abc', '/x?apiKey=***'],
    ['/x?PASSWORD=abc', '/x?PASSWORD=***'],
    ['/x?client_secret=abc', '/x?client_secret=***'],
    ['/x?X-Amz-Signature=abc', '/x?X-Amz-Signature=***'],
    ['/x?sig=abc', '/x?sig=***'],
    ['/x?%74oken=abc', '/x?%74oken=***'],
    ['/x?token=', '/x?token=***'],
    ['/x?monkey=banana', '/x?monkey=banana'],
    ['/x?design=1', '/x?design=1'],
    ['/x?keyboard=de', '/x?keyboard=de'],
  ]
  for (const [target, masked] of cases) {
    test(`shows ${target} as ${masked}`, () => {
      assert.equal(maskTarget(target), masked)
    })
  }
})
