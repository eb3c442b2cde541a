import { isDeepStrictEqual } from 'node:util'
import type { Event } from '../model/protocol.ts'

/** What the intake tells the supervisor. */
export type IntakeEvent = Extract<
  Event,
  { readonly type: 'settling' | 'offered' | 'refused' | 'remote' | 'settings' | 'vanished' }
>

export type Told = Exclude<IntakeEvent, { readonly type: 'settings' | 'vanished' }>

/** What has been told about each app, so that nothing is told twice and a change of settings alone is told as one. */
export class Register {
  readonly #told = new Map<string, Told>()
  readonly #expected = new Map<string, ((told: Told) => void)[]>()
  readonly #emit: (event: IntakeEvent) => void

  constructor(emit: (event: IntakeEvent) => void) {
    this.#emit = emit
  }

  get size(): number {
    return this.#told.size
  }

  get apps(): readonly string[] {
    return [...this.#told.keys()]
  }

  last(app: string): Told | undefined {
    return this.#told.get(app)
  }

  /** Resolves with what is told about an app next. It is told then although nothing may have changed. */
  async next(app: string): Promise<Told> {
    const { promise, resolve } = Promise.withResolvers<Told>()
    this.#expected.set(app, [...(this.#expected.get(app) ?? []), resolve])
    return promise
  }

  tell(event: Told): void {
    const before = this.#told.get(event.app)
    const isAwaited = this.#expected.has(event.app)
    if (!isAwaited && before && isDeepStrictEqual(before, event)) return
    this.#told.set(event.app, event)
    if (event.type !== 'settling') queueMicrotask(() => this.#answer(event))
    const only = before && !isAwaited && onlySettingsDiffer(before, event)
    this.#emit(only ? { type: 'settings', app: event.app, settings: event.settings } : event)
  }

  #answer(event: Told): void {
    const waiting = this.#expected.get(event.app) ?? []
    this.#expected.delete(event.app)
    for (const resolve of waiting) resolve(event)
  }

  vanish(app: string): void {
    if (this.#told.delete(app)) this.#emit({ type: 'vanished', app })
  }
}

function onlySettingsDiffer(before: Told, event: Told): boolean {
  if (before.type === 'offered' && event.type === 'offered') return before.launch.version === event.launch.version
  if (before.type === 'refused' && event.type === 'refused') return before.reason === event.reason
  if (before.type === 'remote' && event.type === 'remote') return before.url === event.url
  return false
}
