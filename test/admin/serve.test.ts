import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { closeServer, serveLazily } from '../../src/admin/serve.ts'

test('what cannot be loaded once is loaded by a later request, and is told of once', async () => {
  const complaints: string[] = []
  let lacks = true
  const load = async (): Promise<() => Response> => {
    if (lacks) throw new Error("EMFILE: too many open files, open 'hono.js'")
    return () => new Response('here')
  }
  const server = serveLazily(load, (complaint) => complaints.push(complaint)).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    for (let times = 0; times < 2; times += 1) {
      const refused = await fetch(url)
      const { detail } = (await refused.json()) as { detail: string }
      assert.deepEqual([refused.status, refused.headers.get('retry-after'), detail], [503, '1', complaints[0]])
    }
    assert.match(
      complaints.join('\n'),
      /^The code that answers .* EMFILE: too many open files, open 'hono.js'\. It is tried/,
    )
    lacks = false
    assert.equal(await (await fetch(url)).text(), 'here')
    assert.equal(complaints.length, 1)
  } finally {
    await closeServer(server)
  }
})
