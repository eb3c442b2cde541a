/** Whose turn it is to try a suspect of an app: of several threads one's at a time. */
export interface Turns {
  /** False while it is another thread's; true if it is ours already. */
  take(app: string): boolean
  /** Without effect when it is not ours. */
  give(app: string): void
  /** A suspect is tried on although the turn is given up; called once, what it returns ends that. */
  linger(app: string): () => void
  /** Whether another thread has such a one. */
  isLingering(app: string): boolean
  /** `freed` is called when a turn that was asked for in vain may be had. */
  listen(freed: () => void): void
}

/** Of a gateway that is alone. */
export const ownTurns: Turns = {
  take: () => true,
  give: () => {},
  linger: () => () => {},
  isLingering: () => false,
  listen: () => {},
}
