import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const here = import.meta.dirname

/** The programs of the bench that are not TypeScript. `go` is null where Go is missing. */
export interface Built {
  readonly upstream: string
  readonly load: string
  readonly go: string | null
}

/** Compiles into `dir`. Without a C compiler there is nothing to measure with. */
export async function build(dir: string, wantGo: boolean): Promise<Built> {
  const upstream = path.join(dir, 'upstream')
  const load = path.join(dir, 'load')
  const sources = (await fs.readdir(path.join(here, 'load'))).filter((name) => name.endsWith('.c'))
  try {
    await run('cc', ['-O2', '-o', upstream, path.join(here, 'upstream.c')])
    await run('cc', ['-O2', '-o', load, ...sources.map((name) => path.join(here, 'load', name))])
  } catch (error) {
    throw new Error('Cannot compile bench/upstream.c and bench/load: a C compiler and Linux are needed.', {
      cause: error,
    })
  }
  return { upstream, load, go: wantGo ? await buildGo(path.join(dir, 'reverse-proxy')) : null }
}

async function buildGo(file: string): Promise<string | null> {
  if ((await versionOf('go', ['version'])) === null) return null
  await run('go', ['build', '-o', file, path.join(here, 'peers/go/main.go')], {
    env: { ...process.env, GOPROXY: 'off' },
  })
  return file
}

/** What a tool says of its version on either stream, or null when it is not installed. */
export async function versionOf(command: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout, stderr } = await run(command, [...args])
    return /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown'
  } catch {
    return null
  }
}
