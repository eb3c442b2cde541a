import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Entry, type Exchange, Journal, noExchanges } from '../../src/observe/journal.ts'

function exchange(status: number): Entry {
  const { client, method, host, target } = { client: '127.0.0.1', method: 'GET', host: 'h', target: '/' }
  const about: Omit<Exchange, 'status'> = {
    id: 'x',
    at: 0,
    client,
    subject: null,
    app: null,
    run: null,
    method,
    host,
    target,
    bytesIn: 0,
    bytesOut: 0,
    took: 0,
    held: 0,
    error: null,
  }
  return { type: 'exchange', status, ...about }
}

test('each observer hears of the exchanges it looks at and of all else; the least of all is known', () => {
  const journal = new Journal()
  assert.equal(journal.least, noExchanges)
  const heard: Record<string, (number | string)[]> = { all: [], failures: [], words: [] }
  const note =
    (who: string) =>
    (entry: Entry): void =>
      void heard[who]?.push(entry.type === 'exchange' ? entry.status : entry.type)
  journal.subscribe(note('words'), () => noExchanges)
  const failures = journal.subscribe(note('failures'), () => 500)
  assert.equal(journal.least, 500)
  const all = journal.subscribe(note('all'))
  assert.equal(journal.least, 0)
  for (const status of [200, 502]) journal.write(exchange(status))
  journal.write({ type: 'exchanges', lines: '', count: 0 })
  journal.write({ type: 'notice', level: 'info', message: 'm' })
  all[Symbol.dispose]()
  failures[Symbol.dispose]()
  assert.equal(journal.least, noExchanges)
  journal.write(exchange(502))
  assert.deepEqual(heard, {
    all: [200, 502, 'exchanges', 'notice'],
    failures: [502, 'exchanges', 'notice'],
    words: ['notice'],
  })
})

test('an observer that throws is dropped, and the others go on', () => {
  const journal = new Journal()
  let calls = 0
  journal.subscribe(() => {
    calls += 1
    throw new Error('broken')
  })
  const heard: Entry[] = []
  journal.subscribe((entry) => heard.push(entry))
  journal.write(exchange(200))
  journal.write(exchange(200))
  assert.equal(calls, 1)
  assert.equal(heard.length, 2)
})
