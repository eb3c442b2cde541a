import type { Exit } from '../model/protocol.ts'

/** It never began, or what became of it cannot be known. */
export function failed(error: string): Exit {
  return { code: null, signal: null, error, lastLine: null, portTaken: false, outOfMemory: false, memory: null }
}
