/** One way to break one rule. Its tests must go red with it: that is what shows that they test the rule. */
export interface Mutant {
  readonly rule: number
  /** What the gateway does when it is broken so. */
  readonly what: string
  /** Everything that has to change for it: a rule that is held in two places survives the loss of one. */
  readonly edits: readonly Edit[]
}

/** In `file` (below src/) stands `find`, exactly once; `replacement` breaks it. */
export type Edit = readonly [file: string, find: string, replacement: string]

export function mutant(rule: number, what: string, ...edits: readonly Edit[]): Mutant {
  return { rule, what, edits }
}

/** Where an edit no longer fits the source, in words; null when it does. */
export function staleness([file, find]: Edit, read: (file: string) => string | null): string | null {
  const text = read(file)
  if (text === null) return `${file} does not exist`
  const count = text.split(find).length - 1
  return count === 1 ? null : `${JSON.stringify(find)} stands ${count} times in ${file}`
}
