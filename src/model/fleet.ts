import type { Instance, Release } from './instance.ts'
import type { AppSettings } from './settings.ts'

/** All apps by name. Immutable, replaced whole by `advance`. */
export interface Fleet {
  readonly apps: ReadonlyMap<string, App>
  readonly nextRun: number
  readonly nextGeneration: number
  /** How many instances may be in their first second at once, so that a hundred apps do not boot on top of each other. */
  readonly parallelStarts: number
  readonly closing: boolean
}

/** A named thing under supervision. */
export interface App {
  readonly name: string
  readonly settings: AppSettings
  /** What the operator would recognise: the path in `apps/`, a command line, or a URL. */
  readonly source: string
  readonly standing: Standing
  /** The release that should serve: the newest one that was not rejected. */
  readonly current: Release | null
  /** The last release that proved itself by getting all its instances ready. `current` until proven otherwise. */
  readonly good: Release | null
  /** The newest offer that did not make it, and why: shown until another one does. */
  readonly rejected: { readonly version: string; readonly reason: string; readonly at: number } | null
  readonly falls: Falls
  readonly instances: readonly Instance[]
}

export type Standing =
  /** A file has been seen and is not yet at rest. */
  | { readonly kind: 'settling' }
  /** Cannot run as it is. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'on' }
  /** Fell too often: the next start is at `until`, or earlier when a request asks for it. */
  | { readonly kind: 'resting'; readonly until: number; readonly reason: string }
  /** Stopped by the operator. */
  | { readonly kind: 'off' }
  /** Left `apps/` and the configuration; forgotten once its instances are over. */
  | { readonly kind: 'gone' }
  /** A host we do not run. */
  | { readonly kind: 'remote'; readonly url: string }

/** Falls and backoff. */
export interface Falls {
  /** Falls that still count towards the backoff. */
  readonly streak: number
  /** All falls since the release was offered. */
  readonly total: number
  readonly last: { readonly at: number; readonly reason: string } | null
  /** When a request last woke a resting app early. */
  readonly woken: number
}
