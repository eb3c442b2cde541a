/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string
  readonly state?: string
  /** False with `--no-color`. */
  readonly color: boolean
}
