import { createProxyEngine } from '../../src/gateway/proxy-relay.ts'
import { relaySuite } from './relay-suite.ts'

relaySuite('over http-proxy-3', createProxyEngine)
