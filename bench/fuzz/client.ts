import net, { type Socket } from 'node:net'

import { type Message, readResponse } from '../../test/conformance/strict.ts'
import { Gate } from './gate.ts'
import type { Input } from './grammar.ts'
import type { StreamRead } from './reference.ts'

export interface Heard {
  /** Final responses, in order. A 101 is the last one. */
  readonly finals: readonly Message[]
  /** What is wrong with the bytes, or null. */
  readonly bad: string | null
  /** The gateway closed the connection, in time. */
  readonly closed: boolean
  /** All that was expected came before the client ended its side. */
  readonly inTime: boolean
  readonly text: string
}

/** Silence after which a client that may be waiting for ever ends its side. */
const patience = 60
/** How long a clean exchange may take. */
const answerTime = 5_000
/** How long the gateway may take to close after the client has ended its side. */
const closeTime = 5_000

/** Says what `input` says and listens until the connection is closed. */
export async function talk(port: number, input: Input, read: StreamRead): Promise<Heard> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const listener = new Listener(socket, read)
  await listener.write(input)
  if (input.ends === 'reset') {
    await listener.wait(() => listener.finals.length > 0, 5)
    socket.resetAndDestroy()
    return listener.result(true, true)
  }
  const enough = (): boolean =>
    listener.ended || listener.finals.length >= read.requests.length + (read.end === 'bad' ? 1 : 0)
  let inTime = true
  if (input.clean) inTime = await listener.wait(enough, answerTime)
  else if (input.ends === 'wait') await listener.quiet(enough)
  socket.end()
  const closed = await listener.wait(() => listener.ended, closeTime)
  socket.destroy()
  return listener.result(closed, inTime)
}

class Listener {
  readonly finals: Message[] = []
  ended = false
  readonly #socket: Socket
  readonly #read: StreamRead
  readonly #gate = new Gate()
  #text = ''
  #at = 0
  #bad: string | null = null
  #opaque = false
  #changed: () => void = () => {}

  constructor(socket: Socket, read: StreamRead) {
    this.#socket = socket
    this.#read = read
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      const piece = data.toString('latin1')
      this.#text += piece
      if (this.#gate.isDue(piece)) this.#parse()
      this.#changed()
    })
    const end = (): void => {
      this.ended = true
      this.#parse()
      this.#changed()
    }
    socket.on('end', end).on('close', end)
  }

  async write({ text, cuts }: Input): Promise<void> {
    let from = 0
    for (const to of [...cuts, text.length]) {
      if (!this.#socket.writable) return
      this.#socket.write(text.slice(from, to), 'latin1')
      from = to
      if (to !== text.length) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async wait(question: () => boolean, time: number): Promise<boolean> {
    const deadline = performance.now() + time
    while (!question()) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      await this.#change(left)
    }
    return true
  }

  /** Until the question is answered or nothing has come for a while. */
  async quiet(question: () => boolean): Promise<void> {
    for (let size = -1; !question() && size !== this.#text.length;) {
      size = this.#text.length
      await this.wait(() => question() || this.#text.length !== size, patience)
    }
  }

  result(closed: boolean, inTime: boolean): Heard {
    return { finals: this.finals, bad: this.#bad, closed, inTime, text: this.#text }
  }

  async #change(time: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#changed = resolve
      timer = setTimeout(resolve, time)
    })
    clearTimeout(timer)
  }

  #parse(): void {
    while (!this.#opaque && this.#bad === null && this.#at < this.#text.length) {
      const index = this.finals.length
      const method = this.#read.requests[index]?.method ?? 'GET'
      const step = readResponse(this.#text, this.#at, method, this.ended)
      this.#gate.note(step)
      if (step.kind === 'more') return
      if (step.kind === 'bad') {
        this.#bad = `${step.why} at byte ${this.#at} of the responses`
        return
      }
      const status = step.message.start.slice(9, 12)
      this.#at = step.end
      if (status === '101') this.#opaque = true
      if (!status.startsWith('1') || status === '101') this.finals.push(step.message)
    }
  }
}
