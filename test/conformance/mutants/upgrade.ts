import { type Mutant, mutant } from './mutant.ts'
import { anyProtocol, hangsForEver } from './response.ts'

const fields = 'http/fields.ts'
const link = 'gateway/link.ts'
const delivery = 'gateway/delivery.ts'
const reader = 'gateway/read-head.ts'
const offers = "const offers = head.method === GET && (framing.kind === 'none' || framing.length === 0)"

export const upgrade: readonly Mutant[] = [
  mutant(92, 'the bytes of the client do not reach the app', [
    delivery,
    'connection.readAll(',
    'if (head.status !== 101) connection.readAll(',
  ]),
  mutant(92, 'an upgrade is not offered', [reader, offers, 'const offers = false']),
  mutant(92, 'whoever asks for an upgrade may call', [
    'gateway/exchange.ts',
    'this.#attempt(this.story.since)',
    "if (asked.upgrade !== '') this.#identity = { caller: { kind: 'known', subject: 'all', apps: null, crossSite: null }, authorizationIsOurs: false }\n    this.#attempt(this.story.since)",
  ]),
  mutant(93, 'a 426 opens a tunnel', [
    link,
    'if (head.status === 101) return this.#switch(head)',
    "if (head.status === 101 || head.find('upgrade') !== -1) return this.#switch(head)",
  ]),
  mutant(
    93,
    'every answer to an upgrade opens a tunnel',
    [link, 'if (head.status === 101) return', 'if (head.status === 101 || (this.user as any)?.offers) return'],
    [
      delivery,
      'interim(head: Head): void {',
      "get offers(): boolean {\n    return this.#errand.asked.upgrade !== ''\n  }\n\n  interim(head: Head): void {",
    ],
    [delivery, "if (protocol === '') return false", ''],
  ),
  mutant(94, 'early bytes do not wait for the 101', [
    delivery,
    'link.out.request(head, requestOut(this.#errand))',
    "link.out.request(head, requestOut(this.#errand))\n    if (this.#errand.asked.upgrade !== '') setImmediate(() => connection.readAll(new Inbound(link, this.traffic, null, () => {})))",
  ]),
  mutant(95, 'a client whose app dies in the handshake is left waiting', ...hangsForEver),
  mutant(96, 'an app may switch to any protocol', anyProtocol),
  mutant(96, 'an app may switch to several protocols', [
    fields,
    "if (protocol === undefined || others.length > 0) return ''",
    "if (protocol === undefined) return ''",
  ]),
  mutant(96, 'an app may switch without saying to what', [
    fields,
    "if (protocol === undefined || others.length > 0) return ''",
    "if (protocol === undefined) return offered\n  if (others.length > 0) return ''",
  ]),
  mutant(97, 'h2c is offered', [fields, ' && !/^(?:h2c?|http|tls)(?:\\/|$)/.test(protocol)', '']),
  mutant(
    97,
    'HTTP2-Settings pass',
    ['http/names.ts', "'http2-settings': 'hop'", "'http2-settings': 'control'"],
    [fields, '  nominate(head, from, to)\n', ''],
  ),
  mutant(98, 'Upgrade needs no Connection token', [
    fields,
    "if ((options & UPGRADE_OPTION) === 0 || head.minor === 0) return ''",
    "if (head.minor === 0) return ''",
  ]),
  mutant(98, 'HTTP/1.0 may upgrade', [
    fields,
    "if ((options & UPGRADE_OPTION) === 0 || head.minor === 0) return ''",
    "if ((options & UPGRADE_OPTION) === 0) return ''",
  ]),
  mutant(99, 'a request with a body may upgrade', [reader, offers, 'const offers = true']),
  mutant(
    99,
    'the body of an upgrade is early bytes',
    [reader, offers, 'const offers = true'],
    [reader, '    framing,\n    options', "    framing: head.find('upgrade') === -1 ? framing : NONE,\n    options"],
  ),
  mutant(100, 'the end of the app ends the client', [
    delivery,
    'this.#errand.connection.socket.end()',
    'this.#errand.connection.socket.destroy()',
  ]),
  mutant(100, 'the end of the client ends the app', [
    'gateway/inbound.ts',
    'this.#link.socket.end()',
    'this.#link.socket.destroy()',
  ]),
  mutant(100, 'an end is not passed on to the client', [delivery, 'this.#errand.connection.socket.end()', '']),
  mutant(100, 'a reset of the client is not passed on', [delivery, 'this.#sideClosed(this.#link?.socket)', '']),
  mutant(100, 'a reset of the app is not passed on', [
    delivery,
    'this.#sideClosed(this.#errand.connection.socket)',
    'void 0',
  ]),
  mutant(101, 'an idle tunnel is cut', [
    delivery,
    'this.#errand.door.timeouts.tunnel)',
    'this.#errand.door.timeouts.tunnel || 50)',
  ]),
  mutant(101, 'a tunnel has no limit', [delivery, 'this.#errand.door.timeouts.tunnel)', '0)']),
  mutant(101, 'a tunnel is not in flight', [
    delivery,
    'this.#errand.status = 101',
    'this.#errand.status = 101\n    ;(this.#errand as any).traffic.out += 0\n    this.#errand.ended(null, false)',
  ]),
]
