import assert from 'node:assert/strict'
import test from 'node:test'
import { groupOf, groupsHere, unusable } from '../support/cgroups.ts'
import { createFolder, type Folder } from '../support/folder.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http.ts'
import { isAlive, parentOf } from '../support/processes.ts'
import { eventually } from '../support/wait.ts'

const config = { guard: { grace: '700ms' }, defaults: { stop: { grace: '500ms' } } }

/** An app, and a deaf process of it that has left its group, its session, its parent and its environment. */
async function putEscape(folder: Folder): Promise<() => Promise<{ app: number; escaped: number; group: string }>> {
  await folder.put('escape.py', { fixture: 'escape.py', words: { pids: folder.path('pids.txt') } })
  return async () => {
    const [app = 0, escaped = 0] = (await folder.lines('pids.txt')).map(Number)
    assert.notEqual(parentOf(escaped), app)
    const group = groupOf(escaped)
    assert.equal(groupOf(app), group)
    return { app, escaped, group: group.slice(group.lastIndexOf('/') + 1) }
  }
}

test('an app whose child escapes by every other way is gone as a whole after stop', { skip: unusable }, async () => {
  await using folder = await createFolder({ config })
  const look = await putEscape(folder)
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('escape')
  const { app, escaped, group } = await look()
  assert.ok(groupsHere().includes(group))
  assert.equal((await folder.cli('stop', 'escape')).code, 0)
  assert.deepEqual([app, escaped].map(isAlive), [false, false])
  await eventually(() => !groupsHere().includes(group), { what: 'its group to be removed' })
})

test(
  'a gateway that goes on with what a killed one left knows the group, and leaves none',
  { skip: unusable },
  async () => {
    await using folder = await createFolder({ config: { ...config, guard: { grace: '20s' } } })
    const look = await putEscape(folder)
    await using first = await startGateway({ folder })
    const { pid } = await first.events.ready('escape')
    const { app, escaped, group } = await look()
    first.child.kill('SIGKILL')
    await first.ended
    await using second = await startGateway({ folder, args: ['--port', String(first.port)] })
    assert.equal((await second.events.ready('escape')).pid, pid)
    assert.equal((await ask(second, '/escape/')).body, 'escape\n')
    assert.ok(isAlive(escaped))
    await second.stop()
    assert.deepEqual([app, escaped].map(isAlive), [false, false])
    assert.ok(!groupsHere().includes(group))
  },
)

test('the guardian of a gateway that never comes back empties and removes the groups', { skip: unusable }, async () => {
  await using folder = await createFolder({ config })
  const look = await putEscape(folder)
  await using gateway = await startGateway({ folder })
  await gateway.events.ready('escape')
  const { app, escaped, group } = await look()
  assert.ok(groupsHere().includes(group))
  gateway.child.kill('SIGKILL')
  await gateway.ended
  await eventually(() => ![app, escaped].some(isAlive), { what: 'the fleet to be gone' })
  await eventually(() => !groupsHere().includes(group), { what: 'its group to be removed' })
})
