import { pino } from 'pino'
import type { Announcement } from '../model/protocol.ts'
import type { Format, Listening } from './format.ts'
import { escapeControls, requestLine, rounded } from './request-line.ts'
import { tell } from './words.ts'

/** One JSON object a line, each with an `event`: `listening`, `app`, `output`, `request`, `notice`, `lost`. */
export function jsonFormat(): Format {
  let lines: string[] = []
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    // pino ends each line itself.
    { write: (line: string) => void lines.push(escapeControls(line.trimEnd())) },
  )
  const made = (): readonly string[] => {
    const result = lines
    lines = []
    return result
  }
  return {
    listening(facts) {
      log.info(listeningFields(facts))
      return made()
    },
    entry(entry) {
      switch (entry.type) {
        case 'exchange':
          return [requestLine(entry, Date.now())]
        case 'announcement': {
          const { mood } = tell(entry.announcement)
          const fields = appFields(entry.announcement)
          if (mood === 'bad') log.warn(fields)
          else log.info(fields)
          break
        }
        case 'output': {
          const { type: _, ...fields } = entry
          log.info({ event: 'output', ...fields })
          break
        }
        case 'notice':
          log[entry.level]({ event: 'notice', message: entry.message })
          break
      }
      return made()
    },
    exchanges: ({ lines }) => lines.trimEnd(),
    lost(count) {
      log.warn({ event: 'lost', lines: count })
      return made().join('\n')
    },
  }
}

/** Never the token: a log is kept, copied and sent around. */
function listeningFields({ url, adminUrl, pid, version, took, tokenFile, appsDir }: Listening): object {
  return { event: 'listening', url, adminUrl, pid, version, took, tokenFile, appsDir }
}

function appFields(announcement: Announcement): object {
  const { kind, app, ...rest } = announcement
  const base = { event: 'app', name: app, state: kind, run: null, pid: null, port: null }
  if (announcement.kind !== 'ready') return { ...base, ...rest }
  const { address, ...others } = announcement
  const took = rounded(others.took)
  const { host, port, path } = address
  const where = path === undefined ? { host, port } : { host: null, port: null, socket: path }
  return { ...base, ...others, took, kind: undefined, app: undefined, ...where }
}
