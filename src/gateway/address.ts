/** `::ffff:127.0.0.1` is how a dual-stack socket spells an IPv4 address. */
export function plainAddress(address: string | undefined): string {
  return address?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown'
}
