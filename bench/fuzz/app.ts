import net, { type AddressInfo, type Socket } from 'node:net'

import { type Message, readRequest, valuesIn } from '../../test/conformance/strict.ts'
import type { Answer } from './answers.ts'
import { Gate } from './gate.ts'

/** A whole request as it arrived at the app. */
export interface Arrival {
  readonly message: Message
  readonly method: string
  readonly target: string
  /** What it was answered with; its end was not awaited when that came early. */
  readonly answer: Answer
  readonly marker: string
  /** It got no byte of an answer, because it was to get none or came on a connection that was already ending. */
  readonly silent: boolean
}

/** What happened at an app since it was last asked. */
export interface Seen {
  readonly arrivals: readonly Arrival[]
  /** What the gateway wrote that is no request. */
  readonly bad: readonly string[]
  /** What was said to requests before their bodies were whole. */
  readonly early: readonly string[]
  /** When a connection was last closed without a word before. */
  readonly rude: number
}

/** One app on raw sockets, whose answers are made up for each request, and who reads strictly. */
export class FuzzApp implements AsyncDisposable {
  readonly port: number
  answer: (
    request: { method: string; target: string; upgrade: boolean },
    index: number,
  ) => { answer: Answer; marker: string }
  readonly sockets = new Set<Socket>()
  readonly #server: net.Server
  #arrivals: Arrival[] = []
  #bad: string[] = []
  #early: string[] = []
  #rude = 0
  #heads = 0

  static async listen(answer: FuzzApp['answer']): Promise<FuzzApp> {
    const server = net.createServer({ allowHalfOpen: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FuzzApp(server, answer)
  }

  private constructor(server: net.Server, answer: FuzzApp['answer']) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.answer = answer
    server.on('connection', (socket: Socket) => this.#take(socket))
  }

  /** Takes what happened, so that each thing is judged once, also what comes between two cases. */
  take(): Seen {
    const seen = { arrivals: this.#arrivals, bad: this.#bad, early: this.#early, rude: this.#rude }
    this.#arrivals = []
    this.#bad = []
    this.#early = []
    return seen
  }

  /** From here on what is asked counts as the next case. */
  begin(answer: FuzzApp['answer']): void {
    this.answer = answer
    this.#heads = 0
  }

  closeAll(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.closeAll()
    await closed
  }

  #take(socket: Socket): void {
    this.sockets.add(socket)
    let received = ''
    let at = 0
    let decided: { at: number; answer: Answer; marker: string } | null = null
    let deaf = false
    const gate = new Gate()
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('end', () => socket.end())
    socket.on('data', (data: Buffer) => {
      if (deaf) return
      const piece = data.toString('latin1')
      received += piece
      if (!gate.isDue(piece)) return
      while (!deaf) {
        const step = readRequest(received, at)
        gate.note(step)
        if (step.kind === 'bad') {
          this.#bad.push(`${step.why} in ${JSON.stringify(received.slice(at, at + 500))}`)
          deaf = true
          return
        }
        const message = step.kind === 'whole' ? step.message : step.head
        if (!message) return
        const [method = '', target = ''] = message.start.split(' ')
        const upgrade = valuesIn(message.fields, 'upgrade').length > 0
        if (decided?.at !== at) {
          decided = { at, ...this.answer({ method, target, upgrade }, this.#heads++) }
          if (decided.answer.early && step.kind === 'more') {
            this.#early.push(decided.answer.text)
            this.#say(socket, decided.answer)
          } else decided = { ...decided, answer: { ...decided.answer, early: false } }
        }
        if (step.kind === 'more') return
        at = step.end
        if (at > 100_000) {
          received = received.slice(at)
          at = 0
        }
        const { answer, marker } = decided
        decided = null
        this.#arrivals.push({ message, method, target, answer, marker, silent: answer.text === '' || !socket.writable })
        if (!answer.early) this.#say(socket, answer)
        // What follows a switch is not HTTP.
        if (answer.text.startsWith('HTTP/1.1 101')) deaf = true
      }
    })
  }

  #say(socket: Socket, { text, after, good }: Answer): void {
    if (after !== 'keep' || good === null) this.#rude = performance.now()
    if (text === '') return this.#finish(socket, after)
    socket.write(text, 'latin1', () => this.#finish(socket, after))
  }

  #finish(socket: Socket, after: Answer['after']): void {
    if (after === 'end') socket.end()
    if (after === 'reset') socket.resetAndDestroy()
  }
}
