import type { Effect, GatewayReport } from '../model/protocol.ts'
import type { Crashes } from '../supervisor/crashes.ts'
import type { Intake } from '../supervisor/intake.ts'
import type { Processes } from '../supervisor/processes.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** Hands an effect of the fleet to the part that can do it. */
export function perform(
  effect: Exclude<Effect, { readonly type: 'announce' }>,
  processes: Processes,
  intake: Intake | null,
  crashes: Crashes,
): void {
  switch (effect.type) {
    case 'spawn':
      return processes.spawn(effect)
    case 'adopt':
      return processes.adopt(effect.run)
    case 'probe':
      return processes.probe(effect)
    case 'terminate':
      return processes.terminate(effect.run)
    case 'kill':
      return processes.kill(effect.run)
    case 'crash':
      return crashes.fell(effect.fall)
    case 'forget':
      crashes.forget(effect.app)
      processes.forget(effect.app)
      intake?.forget(effect.app)
  }
}

/** Takes what a front door tells to the part that it concerns. */
export function hear(report: GatewayReport, crashes: Crashes, supervisor: Supervisor): void {
  if (report.type === 'lost' || report.type === 'acquitted') crashes.heard(report)
  else supervisor.send(report)
}
