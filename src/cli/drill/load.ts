import http from 'node:http'

/** Where a load goes. */
export interface Door {
  /** The app's address, with a trailing slash. */
  readonly url: string
  readonly token: string | null
}

export interface LoadOptions {
  /** Clients, each with connections of its own. */
  readonly clients: number
  /** GETs a second, of all clients together, begun on time whether or not earlier ones have been answered. */
  readonly rate: number
  /** POSTs a second; each carries a number of its own in `X-Drill`. */
  readonly posts: number
}

/** What became of the requests since the last look. */
export interface Tally {
  readonly sent: number
  /** GETs without a good answer. */
  readonly failed: number
  /** GETs that found no gateway at all, while one was to be missing. */
  readonly refused: number
  readonly posts: number
  /** Numbers of POSTs that were answered with anything but success. */
  readonly postsFailed: readonly number[]
  /** The longest time without a good answer, milliseconds. */
  readonly gap: number
  /** The first failures, in words. */
  readonly why: readonly string[]
}

/** Failures that are kept in words: so many kinds, told apart by so many characters, each so long. */
const maxWhy = 5
const telling = 80
const maxText = 300

/** No gateway holds a request for longer. */
const patience = 60_000

/** A reset that comes later than this (milliseconds) is no meeting of a request and a close. */
const soon = 50

/** Milliseconds between two rounds of the load. */
const tick = 5

/** Never used twice, by whatever load. */
let nextPost = 1

/** A steady load of GETs, and POSTs that can be told apart. */
export class Load implements AsyncDisposable {
  /** Whether the gateway itself is to be missing for a while. */
  outage = false
  readonly #door: Door
  readonly #options: LoadOptions
  readonly #agents: readonly http.Agent[]
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #tally = empty()
  #lastGood = performance.now()
  /** Milliseconds that this process was kept from running, up to the last round. */
  #held = 0
  #lastRound = performance.now()

  constructor(door: Door, options: LoadOptions) {
    this.#door = door
    this.#options = options
    this.#agents = Array.from({ length: options.clients }, () => new http.Agent({ keepAlive: true, maxSockets: 256 }))
    const began = performance.now()
    let gets = 0
    let posts = 0
    this.#timer = setInterval(() => {
      this.#held = this.#heldUp()
      this.#lastRound = performance.now()
      const seconds = (this.#lastRound - began) / 1000
      for (; gets < seconds * options.rate; gets++) this.#begin(this.#get(gets))
      for (; posts < seconds * options.posts; posts++) this.#begin(this.#post(posts))
    }, tick)
  }

  /** Every request that was begun before this call is in the tally, and none that was begun after it is waited for. */
  async settled(): Promise<Tally> {
    await Promise.all(this.#open)
    const tally = this.#tally
    this.#tally = empty()
    return { ...tally, gap: Math.max(tally.gap, performance.now() - this.#lastGood) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    for (const agent of this.#agents) agent.destroy()
  }

  #heldUp(): number {
    return this.#held + Math.max(0, performance.now() - this.#lastRound - 2 * tick)
  }

  #begin(request: Promise<void>): void {
    this.#open.add(request)
    void request.finally(() => this.#open.delete(request))
  }

  async #get(turn: number): Promise<void> {
    this.#tally.sent += 1
    const outcome = await this.#ask('GET', turn, {})
    if (outcome.status !== null && outcome.status < 500) {
      const now = performance.now()
      this.#tally.gap = Math.max(this.#tally.gap, now - this.#lastGood)
      this.#lastGood = now
    } else if (outcome.status === null && this.outage) this.#tally.refused += 1
    else {
      this.#tally.failed += 1
      const text = outcome.text.trim().slice(0, maxText)
      const { why } = this.#tally
      if (why.length < maxWhy && !why.some((one) => one.slice(0, telling) === text.slice(0, telling))) why.push(text)
    }
  }

  async #post(turn: number): Promise<void> {
    const number = nextPost++
    this.#tally.posts += 1
    const { status } = await this.#ask('POST', turn, { 'x-drill': String(number), 'content-type': 'text/plain' })
    if (status !== 200) this.#tally.postsFailed.push(number)
  }

  #ask(
    method: string,
    turn: number,
    headers: http.OutgoingHttpHeaders,
  ): Promise<{ status: number | null; text: string }> {
    return this.#try(method, turn, headers, false)
  }

  #try(
    method: string,
    turn: number,
    headers: http.OutgoingHttpHeaders,
    isSecond: boolean,
  ): Promise<{ status: number | null; text: string }> {
    // The second time on a connection of its own, as browsers do: others of that age may be closing just as well.
    const agent = isSecond ? false : this.#agents[turn % this.#options.clients]
    const { url, token } = this.#door
    const began = performance.now()
    const held = this.#heldUp()
    const all = token === null ? headers : { ...headers, 'x-api-token': token }
    return new Promise((resolve) => {
      const request = http.request(url, { method, agent, headers: all, timeout: patience }, (response) => {
        let text = ''
        response.setEncoding('latin1')
        response.on('data', (data: string) => (text.length < 500 ? (text += data) : null))
        response.on('error', (error) => resolve({ status: null, text: error.message }))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: `${response.statusCode} ${text}` }))
      })
      request.on('timeout', () => request.destroy(new Error(`no answer within ${patience / 1000} s`)))
      request.on('error', (error: NodeJS.ErrnoException) => {
        // RFC 9112 §9.3.1: an idle connection may be closed just as it is used, and clients ask again. Node leaves that to us.
        // What we are late ourselves, on a machine that has more to do, is not the gateway's time.
        const isEarly = performance.now() - began - (this.#heldUp() - held) < soon
        const isStale = isEarly && request.reusedSocket && error.code === 'ECONNRESET' && method === 'GET' && !isSecond
        resolve(isStale ? this.#try(method, turn, headers, true) : { status: null, text: error.message })
      })
      request.end(method === 'POST' ? 'once' : undefined)
    })
  }
}

function empty(): {
  sent: number
  failed: number
  refused: number
  posts: number
  postsFailed: number[]
  gap: number
  why: string[]
} {
  return { sent: 0, failed: 0, refused: 0, posts: 0, postsFailed: [], gap: 0, why: [] }
}
