import { once } from 'node:events'
import net from 'node:net'

/** Two ends of one connection. */
export interface Pair extends AsyncDisposable {
  readonly near: net.Socket
  readonly far: net.Socket
}

/** Neither end is read yet. */
export async function connected(): Promise<Pair> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = net.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1' })
  const [far] = (await once(server, 'connection')) as [net.Socket]
  if (near.connecting) await once(near, 'connect')
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      near.destroy()
      far.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
