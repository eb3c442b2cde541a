import fs from 'node:fs'
import path from 'node:path'

/** The folder of our own control group, if groups can be made below it; else null. */
export const place: string | null = findPlace()

/** Why a test of control groups cannot run here; false where it can. */
export const unusable: string | false = place === null && 'no control group (version 2) can be made here'

/** Groups below ours that gateways have made. */
export function groupsHere(): string[] {
  return place === null ? [] : fs.readdirSync(place).filter((name) => name.startsWith('quaymaster-'))
}

/** The group that a process is in. */
export function groupOf(pid: number | 'self'): string {
  return /^0::(.*)$/m.exec(fs.readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? ''
}

function findPlace(): string | null {
  try {
    const mount = /^\S+ \S+ \S+ \/ (\S+) \S.* - cgroup2 /m.exec(fs.readFileSync('/proc/self/mountinfo', 'latin1'))?.[1]
    // Where systemd owns them, a test would have to run in a unit of its own.
    if (mount === undefined || fs.existsSync('/run/systemd/system')) return null
    const own = path.join(mount, groupOf('self'))
    const trial = path.join(own, `test-${process.pid}`)
    fs.mkdirSync(trial)
    fs.rmdirSync(trial)
    fs.accessSync(path.join(own, 'cgroup.procs'), fs.constants.W_OK)
    return own
  } catch {
    return null
  }
}
