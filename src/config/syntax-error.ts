import { execFile } from 'node:child_process'

/**
 * The line of the syntax error in a module, or null. Only the report of an uncaught error has it, so a Node of its own
 * compiles the text, without running any of it, and fails. TypeScript's types are taken out first; lines stay.
 */
export async function lineOfSyntaxError(text: string): Promise<number | null> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const options = { env, timeout: 5_000, killSignal: 'SIGKILL' } as const
  const args = ['--no-warnings', '--experimental-vm-modules', '--eval', compile]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, args, options, (_error, _stdout, stderr) => {
      const [, line] = /^(?:the-text)?:(\d+)$/m.exec(stderr) ?? []
      resolve(line === undefined ? null : Number(line))
    })
    // A child that could not be started or has ended early has no use for the text.
    child.stdin?.on('error', () => {})
    child.stdin?.end(text)
  })
}

const compile = `
  const text = require('node:fs').readFileSync(0, 'utf8')
  new (require('node:vm').SourceTextModule)(require('node:module').stripTypeScriptTypes(text), { identifier: 'the-text' })
`
