import { relaySuite } from './relay-suite.ts'
import { at, ready } from './kit.ts'

relaySuite('over our own engine', (port) => ready(at(1, port)))
