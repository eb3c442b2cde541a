/** A program that tries to own the state folder of its argument, says what came of it, and stays until its input ends. */
import { openControlSocket } from '../../src/admin/socket.ts'
import { FakeControl } from './fake-control.ts'

try {
  await using socket = await openControlSocket(process.argv[2] ?? '')
  socket.serve(new FakeControl())
  process.stdout.write('mine\n')
  for await (const _ of process.stdin) continue
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
}
