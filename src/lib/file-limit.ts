import { readProc } from './proc.ts'

/** How many files, sockets among them, this process may have open (RLIMIT_NOFILE); Infinity where nobody can tell. */
export function fileLimit(): number {
  try {
    return parseLimits(readProc('/proc/self/limits'))
  } catch {
    // Not Linux. Costs some milliseconds, which is why it is not asked first.
    const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } }
    return numberOf(String(userLimits?.open_files?.soft ?? ''))
  }
}

function parseLimits(text: string): number {
  return numberOf(/^Max open files\s+(\S+)/m.exec(text)?.[1] ?? '')
}

function numberOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Infinity
}
