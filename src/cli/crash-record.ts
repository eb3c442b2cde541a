import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { quaymasterVersion } from '../lib/version.ts'
import { reportFile } from '../supervisor/guardian.ts'

/** How many are kept, the newest. */
const kept = 5

/** Writes what the gateway died of into `<state>/gateway-crash-<time>.txt`, and a line for the next gateway to tell. */
export function recordCrash(stateDir: string, error: unknown): void {
  const now = new Date().toISOString()
  const name = `${prefix}${now.replaceAll(/[:.]/g, '-')}.txt`
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const head = `Quaymaster ${quaymasterVersion()}, Node ${process.version}, PID ${process.pid}, ${now}`
  try {
    const old = readdirSync(stateDir).filter((it) => it.startsWith(prefix))
    for (const it of old.sort().slice(0, -kept + 1)) rmSync(join(stateDir, it), { force: true })
    writeFileSync(join(stateDir, name), `${head}\n\n${stack}\n`, { mode: 0o600 })
    const [first = ''] = stack.split('\n')
    appendFileSync(reportFile(stateDir), `${now} The gateway crashed: ${first}. See ${join(stateDir, name)}\n`, {
      mode: 0o600,
    })
  } catch {
    // It has been told on stderr; a full disk is not to make it worse.
  }
}

const prefix = 'gateway-crash-'
