import { readdir } from 'node:fs/promises'
import { absenceOf } from './absence.ts'
import { shown } from './display.ts'
import { isIgnoredName } from './names.ts'
import type { Notice } from './notice.ts'

/** What lies in `apps/`; when the folder cannot be read, why is told once, until it can be. */
export class Listing {
  readonly #appsDir: string
  readonly #notice: Notice
  #absenceTold = false
  /** Whether the folder has been there. */
  #seen = false

  constructor(appsDir: string, notice: Notice) {
    this.#appsDir = appsDir
    this.#notice = notice
  }

  /** The names that may be apps, in their order; none when there is no folder. */
  async list(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.#appsDir)
      this.#absenceTold = false
      this.#seen = true
      return names.filter((name) => !isIgnoredName(name)).sort()
    } catch (error) {
      this.tellAbsence(error)
      return []
    }
  }

  tellAbsence(error: unknown): void {
    if (this.#absenceTold) return
    this.#absenceTold = true
    const { level, fault } = absenceOf(error, this.#seen)
    this.#notice(level, `Watching ${shown(this.#appsDir)}: ${fault}.`)
  }
}
