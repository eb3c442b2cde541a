import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { parseAuthority, isSameOrigin } from '../../src/http/authority.ts'
import { byteLength, loginPage, pageFields, prefersHtml, problemPage, problemReply } from '../../src/http/replies.ts'
import { errors, type ErrorCode } from '../../src/lib/errors.ts'

test('every error has its reply, as a problem and as a page', () => {
  for (const code of Object.keys(errors) as ErrorCode[]) {
    const problem = { code, detail: 'because', requestId: 'id', retryAfter: 7 }
    const reply = problemReply(problem)
    assert.equal(reply.status, errors[code].status)
    assert.deepEqual(JSON.parse(reply.body), {
      type: `urn:quaymaster:error:${code}`,
      title: errors[code].title,
      status: errors[code].status,
      detail: 'because',
      instance: 'id',
    })
    assert.ok(reply.fields.some(([name, value]) => name === 'Retry-After' && value === '7'))
    assert.equal(problemPage(problem).status, reply.status)
  }
})

test('a page tells markup from text', () => {
  const html = problemPage({ code: 'no-route', detail: '<script>"&\'', requestId: '<id>', retryAfter: null }).body
  assert.ok(!html.includes('<script>') && !html.includes('<id>'))
  assert.ok(!loginPage('/"><script>', '<b>').includes('"><script>'))
})

test('a page that waits for an app comes back by itself, others do not', () => {
  const page = (code: ErrorCode): string => problemPage({ code, detail: '', requestId: '', retryAfter: null }).body
  assert.match(page('not-ready'), /http-equiv="refresh" content="2"/)
  assert.doesNotMatch(page('no-route'), /refresh/)
})

test('the content policy names the style that the pages carry', () => {
  const style = /<style>(.*?)<\/style>/s.exec(loginPage('/', null))?.[1] ?? ''
  const hash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`
  const policy = pageFields.find(([name]) => name === 'Content-Security-Policy')?.[1] ?? ''
  assert.ok(style.length > 0 && policy.includes(hash), `${hash} in ${policy}`)
})

test('only who names text/html and does not prefer JSON gets pages', () => {
  assert.ok(prefersHtml('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'))
  for (const accept of [
    '',
    '*/*',
    'application/json',
    'application/json, text/html;q=0.9',
    'text/html;q=0',
    'text/plain',
  ])
    assert.ok(!prefersHtml(accept), accept)
})

test('byteLength counts bytes', () => {
  assert.equal(byteLength('é€'), 5)
})

test('parseAuthority reads hosts and refuses what is none', () => {
  assert.deepEqual(parseAuthority('Hello.LOCALHOST.:8080'), {
    name: 'hello.localhost',
    port: 8080,
    text: 'Hello.LOCALHOST.:8080',
  })
  assert.equal(parseAuthority('[::1]:80')?.name, '[::1]')
  assert.deepEqual(parseAuthority('h:'), { name: 'h', port: null, text: 'h:' })
  for (const bad of ['', 'a b', 'u@h', 'h/x', 'h, evil', 'h:99999', 'h:x', '[::1', 'h?', 'h#', 'h%41', '-', '.h'])
    assert.equal(parseAuthority(bad), null, bad)
})

test('an origin is ours when name and port agree', () => {
  const own = parseAuthority('h:8080')
  assert.ok(own)
  assert.ok(isSameOrigin('http://h:8080', own))
  for (const other of [
    'null',
    '',
    'http://h',
    'http://h:8081',
    'http://x.h:8080',
    'http://h:8080/',
    'h:8080',
    'ws://h:8080',
  ])
    assert.ok(!isSameOrigin(other, own), other)
  const plain = parseAuthority('h')
  assert.ok(plain && isSameOrigin('http://h', plain) && isSameOrigin('http://h:80', plain))
})
