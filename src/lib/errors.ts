/**
 * Everything that can go wrong with a request, told once: the only place where a code becomes a status and a title.
 * `source` says whose turn it is to act; `retry` says whether the same request may succeed later without a change.
 */
export interface ErrorKind {
  readonly status: number
  readonly source: 'client' | 'gateway' | 'app'
  readonly retry: 'never' | 'later'
  readonly title: string
}

export type ErrorCode =
  // the client's doing
  | 'bad-request'
  | 'bad-target'
  | 'bad-host'
  | 'bad-framing'
  | 'ambiguous-credentials'
  | 'unauthenticated'
  | 'forbidden'
  | 'cross-origin'
  | 'no-route'
  | 'method-not-allowed'
  | 'request-timeout'
  | 'content-too-large'
  | 'expectation-failed'
  | 'too-many-attempts'
  | 'head-too-large'
  | 'target-too-long'
  | 'misdirected'
  | 'unknown-coding'
  | 'client-left'
  | 'version-not-supported'
  | 'loop'
  // ours
  | 'internal'
  | 'not-ready'
  | 'closed'
  | 'hold-full'
  | 'quarantined'
  | 'busy'
  | 'shutting-down'
  // the app's
  | 'unreachable'
  | 'connection-lost'
  | 'bad-response'
  | 'truncated-response'
  | 'connect-timeout'
  | 'response-timeout'
  | 'cut'

export const errors: Readonly<Record<ErrorCode, ErrorKind>> = {
  'bad-request': client(400, 'Malformed request'),
  'bad-target': client(400, 'Invalid request target'),
  'bad-host': client(400, 'Invalid Host'),
  'bad-framing': client(400, 'Ambiguous message length'),
  'ambiguous-credentials': client(400, 'Ambiguous credentials'),
  unauthenticated: client(401, 'Authentication required'),
  forbidden: client(403, 'Not allowed for this token'),
  'cross-origin': client(403, 'Cross-origin request refused'),
  'no-route': client(404, 'No such app'),
  'method-not-allowed': client(405, 'Method not allowed'),
  'request-timeout': client(408, 'Request too slow', 'later'),
  'content-too-large': client(413, 'Request body too large'),
  'expectation-failed': client(417, 'Expectation not supported'),
  'too-many-attempts': client(429, 'Too many attempts', 'later'),
  'head-too-large': client(431, 'Request head too large'),
  'target-too-long': client(414, 'Request target too long'),
  misdirected: client(421, 'Misdirected request'),
  'unknown-coding': client(501, 'Transfer coding not supported'),
  // 499 is nginx's word for it; nobody is left to read it, only the journal does.
  'client-left': client(499, 'Client closed the connection'),
  'version-not-supported': client(505, 'HTTP version not supported'),
  // RFC 5842 §7.2.
  loop: client(508, 'Loop detected'),

  internal: { status: 500, source: 'gateway', retry: 'never', title: 'Gateway error' },
  'not-ready': { status: 503, source: 'app', retry: 'later', title: 'App not ready' },
  closed: { status: 503, source: 'app', retry: 'later', title: 'App not available' },
  'hold-full': { status: 503, source: 'gateway', retry: 'later', title: 'Too many requests waiting for this app' },
  quarantined: { status: 503, source: 'app', retry: 'later', title: 'Request in quarantine' },
  busy: { status: 503, source: 'app', retry: 'later', title: 'App has too many connections' },
  'shutting-down': { status: 503, source: 'gateway', retry: 'later', title: 'Gateway shutting down' },

  unreachable: app(502, 'App not reachable'),
  'connection-lost': app(502, 'App closed the connection'),
  'bad-response': app(502, 'Invalid response from the app'),
  'truncated-response': app(502, 'App broke off its response'),
  'connect-timeout': app(504, 'App did not accept the connection in time'),
  'response-timeout': app(504, 'App did not answer in time'),
  cut: app(502, 'App was stopped before it answered'),
}

function client(status: number, title: string, retry: 'never' | 'later' = 'never'): ErrorKind {
  return { status, source: 'client', retry, title }
}

function app(status: number, title: string): ErrorKind {
  return { status, source: 'app', retry: 'later', title }
}
