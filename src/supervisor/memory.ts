import { readProc } from '../lib/proc.ts'

/**
 * How often the kernel has ended a process of our own control group because memory ran out: between two looks it says
 * whether an end by SIGKILL was that. Children are in our group or in one below, which counts for ours, unless somebody moved
 * them; elsewhere than on Linux, and where the group cannot be read, it is never known.
 */
export class MemoryWatch {
  readonly #file: string | null = counterFile()
  #seen: number = this.#count()

  /** Whether it has happened since the last look. */
  hasStruck(): boolean {
    const before = this.#seen
    this.#seen = this.#count()
    return this.#seen > before
  }

  #count(): number {
    return this.#file === null ? 0 : Number(/^oom_kill (\d+)$/m.exec(read(this.#file))?.[1] ?? 0)
  }
}

/** cgroups(7): version 2 has one line `0::/path`; in version 1 memory has a hierarchy of its own. */
function counterFile(): string | null {
  const groups = read('/proc/self/cgroup')
  const unified = /^0::(\/.*)$/m.exec(groups)?.[1]
  const legacy = /^\d+:(?:\w+,)*memory(?:,\w+)*:(\/.*)$/m.exec(groups)?.[1]
  const candidates = [
    ...(unified === undefined ? [] : [`/sys/fs/cgroup${unified}/memory.events`, '/sys/fs/cgroup/memory.events']),
    ...(legacy === undefined
      ? []
      : [`/sys/fs/cgroup/memory${legacy}/memory.oom_control`, '/sys/fs/cgroup/memory/memory.oom_control']),
  ]
  return candidates.find((file) => /^oom_kill \d+$/m.test(read(file))) ?? null
}

function read(file: string): string {
  try {
    return readProc(file)
  } catch {
    return ''
  }
}
