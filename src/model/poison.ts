import type { PoisonSettings } from './settings.ts'

/**
 * Which requests may be what kills an app. Crashes and acquittals are written down; what is suspected and what is
 * quarantined follows from them alone, so that neither the order in which the news comes nor a second telling matters.
 */
export interface Evidence {
  /** Counts the crashes; an acquittal is valid for those up to a number. */
  readonly seq: number
  readonly crashes: readonly Crash[]
  readonly acquitted: ReadonlyMap<string, number>
}

/** A crash, as far as it says something about requests. */
interface Crash {
  readonly id: string
  readonly run: number
  readonly seq: number
  readonly at: number
  /** How much it counts, see `ends.ts`. */
  readonly weight: number
  /**
   * Shapes that were in flight, the most of them once; none: it had another cause. And those of them that were there as the
   * only suspect.
   */
  readonly inFlight: readonly string[]
  readonly tried: readonly string[]
  /** One request was in flight, whoever it was. */
  readonly single: boolean
}

/** What the gateway has to know of it. Plain data. */
export interface Suspicions {
  readonly seq: number
  /** Shapes that are tried one at a time. */
  readonly suspects: readonly string[]
  readonly quarantined: readonly Quarantined[]
}

export interface Quarantined {
  readonly shape: string
  /** On the fleet's clock. */
  readonly until: number
  readonly crashes: readonly string[]
}

interface Seen {
  readonly shape: string
  readonly alone: boolean
}

export const noEvidence: Evidence = { seq: 0, crashes: [], acquitted: new Map() }

/** Older crashes of one app, of those with and of those without a request in flight, are forgotten; shapes beyond this many in one crash are not suspected. */
const maxCrashes = 16
const maxShapes = 64
/** What a shape is remembered by at most; the rest of a longer one is a digest. */
const maxLength = 256

/** Stands between a shape and the digest of a body. No path has a space in it. */
export const bodyMark = ' #'

/**
 * What requests have in common that are likely to fare alike: method, path as the app sees it, names in the query, and
 * the digest of the body where it is known.
 */
export function shapeOf(method: string, path: string, query: string, body: string = ''): string {
  const names = [...new Set(queryNames(query))].sort()
  const shape = `${method} ${path}${names.length === 0 ? '' : `?${names.join('&')}`}`
  const short = shape.length <= maxLength ? shape : `${shape.slice(0, maxLength - 11)}… ${digest(shape)}`
  return body === '' ? short : short + bodyMark + body
}

/** Of a query with or without its `?`. */
export function queryNames(query: string): string[] {
  const pairs = query.replace(/^\?/, '').split('&')
  return pairs.map((pair) => pair.split('=', 1)[0] ?? '').filter((name) => name !== '')
}

/** FNV-1a, 32 bits. */
function digest(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/**
 * Writes down what was in flight at a crash, all that is known of it so far. `weight` 0 leaves everything as it is, and so
 * does a crash with nothing in flight, unless `isAll` says that nothing more will be known.
 */
export function accuse(
  evidence: Evidence,
  crash: { readonly id: string; readonly run: number; readonly at: number; readonly weight: number },
  seen: readonly Seen[],
  isAll: boolean = false,
): Evidence {
  if (crash.weight === 0 || (seen.length === 0 && !isAll)) return evidence
  // Not by its run: another life of the gateway may have counted so, too.
  const known = evidence.crashes.find((it) => it.id === crash.id && isExplained(it))
  const seq = known?.seq ?? (seen.length === 0 ? evidence.seq : evidence.seq + 1)
  const inFlight = [...new Set(seen.map(({ shape }) => shape))].slice(0, maxShapes)
  const tried = [...new Set(seen.filter(({ alone }) => alone).map(({ shape }) => shape))].slice(0, maxShapes)
  const { id, run, at, weight } = crash
  const written: Crash = { id, run, seq, at, weight, inFlight, tried, single: seen.length === 1 }
  const others = evidence.crashes.filter((it) => it.id !== crash.id)
  return {
    ...evidence,
    seq: Math.max(seq, evidence.seq),
    crashes: newest([...others, written].sort((a, b) => a.seq - b.seq)),
  }
}

/** As many of either kind: neither is to push out the other. */
function newest(crashes: readonly Crash[]): readonly Crash[] {
  const explained = crashes.filter(isExplained)
  const others = crashes.filter((it) => !isExplained(it)).sort((a, b) => a.at - b.at)
  return [...others.slice(-maxCrashes), ...explained.slice(-maxCrashes)]
}

function isExplained({ inFlight }: Crash): boolean {
  return inFlight.length > 0
}

/** A request of this shape was answered, tried under the suspicions of `seq`. */
export function acquit(evidence: Evidence, shape: string, seq: number): Evidence {
  const before = evidence.acquitted.get(shape) ?? 0
  const concerned = evidence.crashes.some((it) => it.seq > before && it.seq <= seq && it.inFlight.includes(shape))
  if (!concerned) return evidence
  return { ...evidence, acquitted: new Map(evidence.acquitted).set(shape, seq) }
}

/** Leaves out what is too old to be held against anyone. The same object when nothing is. */
export function forget(evidence: Evidence, settings: PoisonSettings, now: number): Evidence {
  const crashes = evidence.crashes.filter(({ at }) => now - at < settings.for)
  if (crashes.length === evidence.crashes.length) return evidence
  const shapes = new Set(crashes.flatMap(({ inFlight }) => inFlight))
  return { ...evidence, crashes, acquitted: new Map([...evidence.acquitted].filter(([shape]) => shapes.has(shape))) }
}

/** What follows from the evidence; null when nothing does, as nearly always. */
export function suspicionsOf(evidence: Evidence, settings: PoisonSettings | null, now: number): Suspicions | null {
  if (settings === null || evidence.crashes.length === 0) return null
  const { crashes } = forget(evidence, settings, now)
  // An app that also dies with nothing in flight has another fault, and who is tried meanwhile may be there by chance.
  const unexplained = crashes.reduce((sum, it) => (isExplained(it) ? sum : sum + it.weight), 0)
  const enough = settings.strikes + unexplained
  const suspects: string[] = []
  const quarantined: Quarantined[] = []
  for (const shape of new Set(crashes.flatMap(({ inFlight }) => inFlight))) {
    const since = evidence.acquitted.get(shape) ?? 0
    const held = crashes.filter((it) => it.seq > since && counts(it, shape))
    const strikes = held.reduce((sum, crash) => strike(sum, crash, settings.strikes), 0)
    if (strikes === 0) continue
    if (strikes < enough) suspects.push(shape)
    else {
      const until = Math.max(...held.map(({ at }) => at)) + settings.for
      quarantined.push({ shape, until, crashes: held.map(({ id }) => id) })
    }
  }
  return suspects.length + quarantined.length === 0 ? null : { seq: evidence.seq, suspects, quarantined }
}

/** When the clock next changes what follows. */
export function expiryOf(evidence: Evidence, settings: PoisonSettings): number {
  return Math.min(Infinity, ...evidence.crashes.map(({ at }) => at + settings.for))
}

/** Where a suspect was being tried, everybody else was there by chance. */
function counts(crash: Crash, shape: string): boolean {
  return (crash.tried.length === 0 ? crash.inFlight : crash.tried).includes(shape)
}

/** Only a crash with one request in flight, or one suspect, is certain; any number of the others stay a suspicion. */
function strike(sum: number, { tried, single, weight }: Crash, enough: number): number {
  if (single || tried.length === 1) return sum + weight
  return Math.max(sum, Math.min(weight, enough - 0.5))
}
