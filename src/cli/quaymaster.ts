import { fail } from './fail.ts'
import { runProgram } from './program.ts'

// A reader that has left is noticed by whoever writes; unheard, the error would end the process, and with `up` the gateway.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

process.exitCode = await runProgram(process.argv.slice(2)).catch(fail)
// Everything is over. What keeps Node alive all the same, an interval of the configuration say, is not waited for.
process.stdout.write('', () => setTimeout(() => process.exit(), 500).unref())
