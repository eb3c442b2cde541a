import type { Writable } from 'node:stream'
import { gravityOf, noExchanges, type Entry, type Exchange, type Journal, type ToldExchanges } from './journal.ts'
import { painter } from './color.ts'
import type { Format, Listening } from './format.ts'
import { accessLine, announcementLine, banner, noticeLine, outputLine, type Look } from './pretty.ts'
import { readRequestLines } from './request-line.ts'
import { Sink } from './sink.ts'
import { tell } from './words.ts'

export interface LogOptions {
  readonly journal: Journal
  /** Usually `process.stdout`. */
  readonly out: Writable
  /** `pretty` for people at a terminal, `json` for everything else. */
  readonly format: 'pretty' | 'json'
  readonly color: boolean
  /** Which requests get a line: all, those of gravity 500 and above, or none. Default `all`. */
  readonly access?: 'all' | 'errors' | 'none'
  /** The least severe entries that get a line; `listening` always does. Default `info`. */
  readonly level?: Level
}

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

/**
 * Every log line of the gateway is made here or in the formatter this chooses. Subscribes to the journal; what happens
 * before `listening` is told after it, so that the first line is always that one.
 */
export interface Log extends AsyncDisposable {
  listening(facts: Listening): void
  /** From the next entry on. */
  configure(settings: { readonly access: 'all' | 'errors' | 'none'; readonly level: Level }): void
}

export async function openLog(options: LogOptions): Promise<Log> {
  // pino costs 30 ms to load and a terminal never needs it.
  const format = options.format === 'json' ? (await import('./json.ts')).jsonFormat() : prettyFormat(options.color)
  const sink = new Sink({ out: options.out, lost: format.lost })
  let access = options.access ?? 'all'
  let least = levels.indexOf(options.level ?? 'info')
  let early: Entry[] | null = []
  const write = (entry: Entry): void => {
    if (entry.type === 'exchanges') return writeAll(entry)
    if (entry.type === 'exchange' && !wantsExchange(access, entry)) return
    if (levels.indexOf(levelOf(entry)) < least) return
    const bulk = entry.type === 'output'
    if (!sink.isFull(bulk)) for (const line of format.entry(entry)) sink.write(line, bulk)
  }
  const writeAll = (told: ToldExchanges): void => {
    // What is wanted of them is said of each; for the usual case, all, none has to be looked at.
    if (leastStatus() > 0)
      return readRequestLines(told.lines).forEach((exchange) => write({ type: 'exchange', ...exchange }))
    if (!sink.isFull(false, told.count)) sink.write(format.exchanges(told), false, told.count)
  }
  const tellEarly = (): void => {
    const waiting = early ?? []
    early = null
    for (const entry of waiting) write(entry)
  }
  const leastStatus = (): number => {
    if (access === 'none' || least > levels.indexOf('error')) return noExchanges
    return access === 'errors' || least > levels.indexOf('info') ? 500 : 0
  }
  const subscription = options.journal.subscribe((entry) => {
    if (early && early.length < maxEarly) early.push(entry)
    else write(entry)
  }, leastStatus)
  return {
    listening(facts) {
      for (const line of format.listening(facts)) sink.write(line)
      tellEarly()
    },
    configure(settings) {
      access = settings.access
      least = levels.indexOf(settings.level)
    },
    async [Symbol.asyncDispose]() {
      subscription[Symbol.dispose]()
      tellEarly()
      await sink[Symbol.asyncDispose]()
    },
  }
}

/** More than a start ever tells; if it does, the order suffers and nothing else. */
const maxEarly = 10_000

const levels: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

function levelOf(entry: Exclude<Entry, { type: 'exchanges' }>): Level {
  switch (entry.type) {
    case 'exchange':
      return isFailure(entry) ? 'error' : 'info'
    case 'announcement':
      return tell(entry.announcement).mood === 'bad' ? 'warn' : 'info'
    case 'output':
      return 'info'
    case 'notice':
      return entry.level
  }
}

function wantsExchange(access: 'all' | 'errors' | 'none', exchange: Pick<Exchange, 'status' | 'error'>): boolean {
  return access === 'all' || (access === 'errors' && isFailure(exchange))
}

function isFailure({ status, error }: Pick<Exchange, 'status' | 'error'>): boolean {
  return gravityOf(status, error) >= 500
}

function prettyFormat(color: boolean): Format {
  const paint = painter(color)
  let look: Look = { paint, color, width: 0 }
  const widen = (name: string): void => {
    const width = Math.min(name.length, maxWidth)
    if (width > look.width) look = { ...look, width }
  }
  return {
    listening(facts) {
      for (const { name } of facts.apps) widen(name)
      look = { ...look, url: facts.url.replace(/\/$/, '') }
      return banner(facts, look)
    },
    entry(entry) {
      switch (entry.type) {
        case 'exchange':
          return [accessLine(entry, look)]
        case 'announcement':
          widen(entry.announcement.app)
          return [announcementLine(entry.announcement, look)]
        case 'output':
          widen(entry.app)
          return [outputLine(entry, look)]
        case 'notice':
          return [noticeLine(entry.level, entry.message, look)]
      }
    },
    exchanges: ({ lines }) =>
      readRequestLines(lines)
        .map((exchange) => accessLine(exchange, look))
        .join('\n'),
    lost: (lines) => noticeLine('warn', `${lines} log lines were dropped: this terminal reads too slowly.`, look),
  }
}

/** A longer name still stands whole; it only does not move all the others to the right. */
const maxWidth = 20
