import type { Announcement } from '../model/protocol.ts'

export interface Told {
  readonly text: string
  readonly mood: 'good' | 'bad' | 'quiet'
}

/** An announcement in words, without the name of its app. `url` is the gateway's, without a slash at its end. */
export function tell(announcement: Announcement, url = ''): Told {
  switch (announcement.kind) {
    case 'refused':
      return bad(`cannot run: ${announcement.reason}`)
    case 'starting':
      return quiet(`starting run ${announcement.run} (version ${shortVersion(announcement.version)})`)
    case 'adopted':
      return good(
        `goes on: an earlier gateway started it (${life(announcement)}, version ${shortVersion(announcement.version)})`,
      )
    case 'ready': {
      const { took, run, pid, path, address, note } = announcement
      const where =
        address.path ?? (address.host === '127.0.0.1' ? `port ${address.port}` : `[${address.host}]:${address.port}`)
      return good(
        `${url}${path === '/' ? '/' : `${path}/`} ready in ${duration(took)}: run ${run}, PID ${pid}, ${where}${note === null ? '' : `. ${note}`}`,
      )
    }
    case 'fell':
      return bad(`fell: ${announcement.reason} (${life(announcement)})`)
    case 'crashed':
      return bad(`crash ${announcement.id}: ${announcement.reason}; ${announcement.blame}`)
    case 'quarantined': {
      const { shape, crashes } = announcement
      return bad(`${shape} is in quarantine for ${duration(announcement.for)}: see crashes ${crashes.join(', ')}`)
    }
    case 'resting': {
      const { falls, reason } = announcement
      const times = `${falls} ${falls === 1 ? 'fall' : 'falls'}`
      return bad(`crash-looping: ${times}, next start in ${duration(announcement.for)}: ${reason}`)
    }
    case 'rejected': {
      const { version, reason, kept } = announcement
      const which = version === '-' ? 'the new file' : `version ${shortVersion(version)}`
      return bad(`${which} was rejected, version ${shortVersion(kept)} serves on: ${reason}`)
    }
    case 'recycling':
      return quiet(`run ${announcement.run} makes way for a fresh one: ${announcement.reason}`)
    case 'noted':
      return bad(`run ${announcement.run}: ${announcement.note}`)
    case 'draining':
      return quiet(`draining run ${announcement.run} (${announcement.why})`)
    case 'stopping':
      return quiet(`stopping ${life(announcement)}`)
    case 'killing':
      return bad(`still alive ${duration(announcement.grace)} after SIGTERM, killing ${life(announcement)}`)
    case 'stopped':
      return quiet(`run ${announcement.run} is over (${announcement.why})`)
    case 'gone':
      return quiet('gone: its file and its configuration were removed')
  }
}

/** `3ms`, `1.2s`, `4m 10s`, `3h 5m`, `2d 4h`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  if (seconds < 86_400) return pair(Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'm')
  return pair(Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h')
}

/** As much of a digest as people compare. */
export function shortVersion(version: string): string {
  return version.slice(0, 8)
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit} ${small}${smallUnit}`
}

function life({ run, pid }: { readonly run: number; readonly pid: number | null }): string {
  return pid === null ? `run ${run}` : `run ${run}, PID ${pid}`
}

function good(text: string): Told {
  return { text, mood: 'good' }
}

function bad(text: string): Told {
  return { text, mood: 'bad' }
}

function quiet(text: string): Told {
  return { text, mood: 'quiet' }
}
