import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'node:test'
import { openAdoption } from '../../src/main/adoption.ts'
import type { Event } from '../../src/model/protocol.ts'
import type { Adoptable, Left } from '../../src/supervisor/left.ts'
import { launch, settings } from '../model/world.ts'

const url = 'http://127.0.0.1:8080'

function left(...apps: string[]): Left {
  return { adoptable: apps.map(adoptable), strays: [], off: [], url }
}

function adoptable(app: string, run: number): Adoptable {
  const pipes = { stdout: '/stdout', stderr: '/stderr' }
  const address = { kind: 'port', host: '127.0.0.1', port: 4_000 + run } as const
  const kept = { marker: 'x', socket: null, cgroup: null, born: 0, pipes, address, ending: false, told: null }
  return { ...kept, app, run, pid: run + 100, startTime: '1', port: 4_000 + run, launch: launch('v1') }
}

/** Longer than a decision is waited for. */
const long = 1_200

test('clients wait for the first word about each app that was left, however slow the machine is', async () => {
  const sent: Event[] = []
  const adoption = openAdoption(left('one', 'two'), url, (event) => sent.push(event))
  let isOpen = false
  const settled = adoption.settled.then(() => (isOpen = true))
  adoption.tell({ type: 'settling', app: 'one', settings: settings('one'), source: '/apps/one' })
  await delay(long)
  assert.equal(isOpen, false)
  adoption.tell({ type: 'settling', app: 'two', settings: settings('two'), source: '/apps/two' })
  await settled
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['adopted', 'settling', 'adopted', 'settling'],
  )
})

test('an app that was left and is not in the folder any more ends, and keeps nobody waiting', async () => {
  const sent: Event[] = []
  const adoption = openAdoption(left('one'), url, (event) => sent.push(event))
  adoption.finish((app) => settings(app))
  await adoption.settled
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['adopted', 'vanished'],
  )
})

test('where nothing was left clients wait until the folder has been looked through', async () => {
  const adoption = openAdoption(left(), url, () => {})
  const order: string[] = []
  const settled = adoption.settled.then(() => order.push('open'))
  await new Promise(setImmediate)
  order.push('looked')
  adoption.finish((app) => settings(app))
  await settled
  assert.deepEqual(order, ['looked', 'open'])
})
