/** What an error says, with its cause, in one line that is not too long for a table's note. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 600 ? `${line.slice(0, 600)}…` : line
}
