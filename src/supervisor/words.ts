/** Whether a line is worth showing as "the last thing it said": not a stack frame, not the rest of a dump. */
export function isTelling(line: string): boolean {
  return /\S/.test(line) && !noise.some((pattern) => pattern.test(line))
}

const noise: readonly RegExp[] = [
  // Frames and members of a dumped object are indented in every language that was looked at.
  /^\s/,
  /^[\])}]+[,;]?$/,
  // Node's farewell, Rust's advice, Go's frames.
  /^Node\.js v\d/,
  /^note: run with `RUST_BACKTRACE/,
  /^goroutine \d+ \[/,
  /^[\w./]+\.[\w.()*]+\(.*\)$/,
  /^created by /,
  /^… about [\d,]+ lines \(/,
]

/**
 * Whether a line complains that the address to listen on is in use, in the words of libc (also translated), Node, Go,
 * Java, Rust, Deno, Erlang, .NET and nginx. A line that names another port than ours is about something else.
 */
export function saysPortTaken(line: string, port: number): boolean {
  if (!taken.test(line)) return false
  const named = [...line.replace(clockTime, '').matchAll(/(?:[:\])]|\bport\b\W{0,3})(\d{2,5})\b/gi)].map((match) =>
    Number(match[1]),
  )
  return named.length === 0 || named.includes(port)
}

const taken =
  /EADDRINUSE|AddrInUse|address (?:is )?(?:already )?in use|port (?:\d+ )?is (?:already )?(?:in use|taken|allocated|being used)|only one usage of each socket address|adresse wird bereits verwendet|adresse déjà utilisée|dirección ya se está usando/i

const clockTime = /\d{1,2}:\d{2}:\d{2}/g
