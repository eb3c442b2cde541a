import { enableCompileCache } from 'node:module'
import path from 'node:path'
import { after } from 'node:test'
import { isMainThread } from 'node:worker_threads'
import { descendantsOf, end } from './processes.ts'

/**
 * Loaded in front of every test file by run.ts. node:test waits for ever for a file that has run its tests and does not
 * end, whatever `timeout` says: here such a file fails, says what it left open and ends what it started. And it finds
 * compiled what another file has compiled before it, as the program itself does (see bin/).
 */

/** For a whole file, whatever it is doing: the longest takes a minute on two processors, three on a busy one. */
const longest = 600_000
/** After the last test: what is closing now is closed by then. */
const linger = 20_000

enableCompileCache(path.resolve(import.meta.dirname, '../../node_modules/.cache/quaymaster'))
if (isMainThread) {
  failAfter(longest, 'takes too long')
  after(() => failAfter(linger, 'has run its tests and does not end'))
}

function failAfter(ms: number, what: string): void {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(`${process.argv[1]} ${what} (${ms} ms). Open: ${open}\n`)
    for (const pid of descendantsOf(process.pid)) end(pid)
    process.exit(1)
  }, ms).unref()
}
