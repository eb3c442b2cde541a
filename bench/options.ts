import { parseArgs } from 'node:util'

export interface Options {
  /** One short round of everything, to see that it works. */
  readonly quick: boolean
  /** Names of workloads, or their first parts, or `memory` or `table`; empty for all. */
  readonly only: readonly string[]
  /** Names of peers; empty for the usual ones. */
  readonly peers: readonly string[]
  /** Of one measurement. */
  readonly seconds: number
  readonly warm: number
  readonly rounds: number
}

export const usage = `npm run bench -- [--quick] [--only get-64,log,memory,table] [--peers nginx,quaymaster] [--seconds 1.5]

A run of all workloads with all peers, without --quick, writes bench/RESULTS.md; every other run only prints.
Load and app have one CPU and the gateways another, which is the cheapest for those that would use several;
BENCH_PIN=0 leaves all where the kernel puts them, as an operator would.`

export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      peers: { type: 'string', default: '' },
      seconds: { type: 'string' },
    },
  })
  const seconds = Number(values.seconds ?? (values.quick ? 1 : 1.5))
  if (!(seconds > 0)) throw new Error(`--seconds must be a number above 0, not ${values.seconds}.`)
  const words = (text: string): string[] => text.split(',').filter((word) => word !== '')
  return {
    quick: values.quick,
    only: words(values.only),
    peers: words(values.peers),
    seconds,
    warm: 0.5,
    rounds: values.quick ? 1 : 3,
  }
}
