import { framing } from './mutants/framing.ts'
import { head } from './mutants/head.ts'
import { hygiene } from './mutants/hygiene.ts'
import { lifecycle } from './mutants/lifecycle.ts'
import type { Mutant } from './mutants/mutant.ts'
import { path } from './mutants/path.ts'
import { response } from './mutants/response.ts'
import { upgrade } from './mutants/upgrade.ts'

/** Every rule broken in at least one way, in the order of the rules; `npm run proof:rules` shows that its tests notice. */
export const mutants: readonly Mutant[] = [
  ...head,
  ...framing,
  ...hygiene,
  ...response,
  ...upgrade,
  ...path,
  ...lifecycle,
]
