import { relaySuite } from './relay-suite.ts'

relaySuite('over http-proxy-3', (port) => ({ kind: 'remote', url: `http://127.0.0.1:${port}` }))
