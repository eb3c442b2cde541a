import { readFileSync } from 'node:fs'

/**
 * A file of /proc, /sys or the like, whose size the kernel does not tell. Always as UTF-8, whatever is in it (bytes that
 * are none become U+FFFD, and never take their neighbours with them): with any other encoding Node makes two buffers of
 * 64 KiB for each file and takes twice the time, which is megabytes for every look at all processes. Throws what open(2)
 * and read(2) say.
 */
export function readProc(path: string): string {
  return readFileSync(path, 'utf8')
}
