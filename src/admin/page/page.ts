import { createHash } from 'node:crypto'
import { markup } from './markup.ts'
import { script } from './script.ts'
import { style } from './style.ts'

/** The status page, whole: nothing is built, nothing is loaded from elsewhere. */
export const page: string = markup(style, script)

/**
 * Only the very script and style above run, whatever an app manages to write into a name, a reason or a log line; and
 * `require-trusted-types-for` makes the browser refuse the DOM calls by which text could become markup.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'Cache-Control': 'no-cache',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
