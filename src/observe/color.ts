import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Puts a style around a text, or leaves it alone where colours are off. */
export type Paint = (style: Style, text: string) => string

export interface ColorFacts {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTTY: boolean
  /** False when `--no-color` was given. */
  readonly wanted: boolean
}

/**
 * The strongest word first: the flag, NO_COLOR (https://no-color.org: any value but the empty one), FORCE_COLOR,
 * TERM=dumb, and then whether it is a terminal at all.
 */
export function wantsColor({ env, isTTY, wanted }: ColorFacts): boolean {
  if (!wanted) return false
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false'
  return isTTY && env['TERM'] !== 'dumb'
}

export function painter(color: boolean): Paint {
  return color ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text
}

/** Always the same colour for the same name, in every run of the gateway: people learn them. */
export function colorOf(name: string): Style {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return appColors[(hash >>> 0) % appColors.length] ?? 'cyan'
}

/** Without red and yellow: those mean trouble. */
const appColors: readonly Style[] = [
  'cyan',
  'green',
  'blue',
  'magenta',
  'cyanBright',
  'greenBright',
  'blueBright',
  'magentaBright',
]
