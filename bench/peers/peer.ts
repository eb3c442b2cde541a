import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import type { Built } from '../build.ts'
import { descendants, type Running, start, type StartOptions } from '../processes.ts'

/** The one token that every peer asks for. */
export const token = 'bench-0123456789abcdef0123456789abcdef'

/** What a peer is started with. */
export interface Setup {
  readonly built: Built
  /** Port of the app. */
  readonly upstream: number
  /** How many apps are in the table: `/api/app1` to `/api/app<n>`, all of them the same upstream. */
  readonly apps: number
  /** Whether every request gets a line in a file. */
  readonly log: boolean
  /** A folder of its own. */
  readonly dir: string
}

export interface Peer {
  readonly name: string
  /** The largest table it is measured with. */
  readonly maxApps: number
  /** Far from ours in what it costs: one round shows that, where its figure is no target. */
  readonly distant?: boolean
  /** The only workloads it is measured in, `memory` among them. Default: all. */
  readonly workloads?: readonly string[]
  /** Null when it is not installed here. */
  version(setup: Pick<Setup, 'built'>): Promise<string | null>
  start(setup: Setup): Promise<Started>
}

/**
 * Where a peer is measured a second time, doing to the fields what ours does: it takes the token out, tells the app where
 * the request comes from, whose it is and under which id and trace, and the client under which id and when.
 */
export const sameFields: readonly string[] = ['get-64', 'post']

/** A gateway that answers. */
export interface Started extends AsyncDisposable {
  readonly port: number
  /** The processes whose CPU time and memory count. */
  readonly pids: readonly number[]
  /** Bytes of the heap after a full collection, where it can be asked. */
  readonly heap?: () => Promise<number>
}

export const gatewayCpu = 1

/** Starts a gateway that was told its port, and waits until it serves. `family`: its children count too. */
export async function startOn(
  port: number,
  file: string,
  args: readonly string[],
  family: boolean,
  more: Omit<StartOptions, 'cpu'> = {},
): Promise<Started> {
  const running = start(file, args, { cpu: gatewayCpu, stdout: 'ignore', ...more })
  return started(running, port, family)
}

export async function started(running: Running, port: number, family: boolean): Promise<Started> {
  try {
    await untilServing(port, running)
  } catch (error) {
    await running[Symbol.asyncDispose]()
    throw error
  }
  const pids = family ? [running.pid, ...descendants(running.pid)] : [running.pid]
  return { port, pids, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() }
}

/** Names of the apps in a table. */
export function appNames(apps: number): string[] {
  return Array.from({ length: apps }, (_, index) => `app${index + 1}`)
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function writeConfig(dir: string, name: string, text: string): Promise<string> {
  const file = path.join(dir, name)
  await fs.writeFile(file, text)
  return file
}

/** Authenticated, stripped, whole: 20 KiB only come from /drip, and nobody gets them without the token. */
async function untilServing(port: number, running: Running): Promise<void> {
  const url = `http://127.0.0.1:${port}/api/app1/drip`
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      const response = await fetch(url, { headers: { 'x-api-token': token }, signal: AbortSignal.timeout(5_000) })
      const { length } = await response.text()
      if (response.status === 200 && length === 20 * 1024) break
      if (Date.now() > deadline) throw new Error(`status ${response.status} and ${length} bytes`)
    } catch (error) {
      const over = running.child.exitCode !== null
      if (over || Date.now() > deadline) {
        throw new Error(`The gateway did not serve: ${String(error)}; it said: ${running.complaint()}`, {
          cause: error,
        })
      }
    }
    await pause(50)
  }
  const stranger = await fetch(url, { headers: { 'x-api-token': `${token}x` }, signal: AbortSignal.timeout(5_000) })
  await stranger.text()
  if (stranger.status !== 401) throw new Error(`A wrong token was answered with ${stranger.status}, not 401`)
}
