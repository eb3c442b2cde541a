import assert from 'node:assert/strict'
import test from 'node:test'
import { follow } from '../../src/admin/follow.ts'

test('a follower that does not read has a bounded backlog, and is told what it missed once it reads', async () => {
  let push: (text: string) => void = () => {}
  const body = follow(
    (given) => {
      push = given
      return { [Symbol.dispose]: () => {} }
    },
    { lost: (count) => `lost ${count};`, bound: 1_000 },
  )
  for (let i = 0; i < 500; i += 1) push('0123456789')
  const reader = body.getReader()
  const read = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value)
  let text = ''
  while (!text.includes(';')) text += await read()
  assert.equal(text.length, 1_000 + 'lost 400;'.length)
  push('again')
  assert.equal(await read(), 'again')
})

test('a follower that leaves is unsubscribed', async () => {
  let subscribed = true
  const body = follow(() => ({ [Symbol.dispose]: () => void (subscribed = false) }), {
    lost: String,
    beat: '\n',
    heartbeat: 5,
  })
  const reader = body.getReader()
  assert.deepEqual((await reader.read()).value, new TextEncoder().encode('\n'))
  await reader.cancel()
  assert.equal(subscribed, false)
})
