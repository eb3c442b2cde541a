import { readlinkSync } from 'node:fs'
import path from 'node:path'

/**
 * PID 1 gets the children of whoever ends before them, and has to wait for them. Node waits only for its own: where it is
 * PID 1 itself, or npm or our launcher is, they stay zombies. A notice if that is so here, else null.
 */
export function orphanNotice(
  pid: number = process.pid,
  parent: number = process.ppid,
  init: () => string = initProgram,
): string | null {
  const isInit = pid === 1 || (parent === 1 && isNode(init()))
  if (!isInit) return null
  return (
    'There is no init here: PID 1 is Node, which does not wait for what apps leave behind, and each such process stays a ' +
    'zombie until the end. Give the container an init: docker run --init, `init: true` in Compose, or tini.'
  )
}

function isNode(program: string): boolean {
  return /^node(js)?$/.test(path.basename(program))
}

function initProgram(): string {
  try {
    return readlinkSync('/proc/1/exe')
  } catch {
    return ''
  }
}
