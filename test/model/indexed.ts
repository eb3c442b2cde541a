import { changeIndex, emptyIndex } from '../../src/model/route-index.ts'
import type { Route, RouteIndex } from '../../src/model/route.ts'

export function indexed(routes: readonly Route[]): RouteIndex {
  const index = emptyIndex()
  changeIndex(index, { put: routes, gone: [] })
  return index
}
