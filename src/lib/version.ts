import { readFileSync } from 'node:fs'

let known: string | undefined

/** The version of this package, read once. `src/lib` and `dist/lib` are equally far from package.json. */
export function quaymasterVersion(): string {
  if (known === undefined) {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    known = version
  }
  return known
}
