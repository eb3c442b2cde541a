import { relative } from 'node:path'
import type { Finding, Key } from './finding.ts'
import { locate } from './locate.ts'

/** One mistake in a configuration. `path` + ` ` + `message` is a sentence without its full stop. */
export interface Problem {
  /** Absolute; null when it came from the command line. */
  readonly file: string | null
  /** Counted from 1; null when the place could not be found in the file. */
  readonly line: number | null
  /** `apps.hello.health.interval`, `--port`; empty when the file as a whole is meant. */
  readonly path: string
  readonly message: string
  /** The value as it was found, shortened; null when it is secret or beside the point. */
  readonly received: string | null
  readonly allowed: string | null
  /** What was probably meant. */
  readonly suggestion: string | null
}

/** All problems for a terminal, in the order of the file. Paths are shown relative to `cwd` where that is shorter. */
export function formatProblems(problems: readonly Problem[], cwd: string = process.cwd()): string {
  return problems.map((problem) => formatProblem(problem, cwd)).join('\n')
}

/** Puts findings into lines of the file they are about. */
export function toProblems(findings: readonly Finding[], file: string | null, text: string | null): Problem[] {
  const problems = findings.map(({ path, ...rest }) => {
    const line = text === null ? null : locate(text, path)
    return { file, line, path: showPath(path), ...rest }
  })
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
}

/** A problem of a file as a whole, or of one of its lines. */
export function fileProblem(file: string | null, line: number | null, message: string): Problem {
  return { file, line, path: '', message, received: null, allowed: null, suggestion: null }
}

function formatProblem(problem: Problem, cwd: string): string {
  const sentences = [`${problem.path === '' ? 'It' : problem.path} ${problem.message}`]
  if (problem.received !== null) sentences[0] += `, received ${problem.received}`
  if (problem.suggestion !== null) sentences.push(`Did you mean ${problem.suggestion}?`)
  if (problem.allowed !== null) sentences.push(`Allowed: ${problem.allowed}`)
  const text = sentences.map((sentence) => (/[.?!]$/.test(sentence) ? sentence : `${sentence}.`)).join(' ')
  const place = showPlace(problem, cwd)
  return place === '' ? text : `${place}  ${text}`
}

function showPlace({ file, line }: Problem, cwd: string): string {
  if (file === null) return ''
  const short = relative(cwd, file)
  const shown = short.startsWith('..') ? file : short
  return line === null ? shown : `${shown}:${line}`
}

function showPath(path: readonly Key[]): string {
  return path.reduce<string>((shown, key) => {
    if (typeof key === 'number') return `${shown}[${key}]`
    if (!/^[\w$-]+$/.test(key)) return `${shown}[${JSON.stringify(key)}]`
    return shown === '' ? key : `${shown}.${key}`
  }, '')
}
