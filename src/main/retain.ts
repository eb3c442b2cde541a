import type { Fleet } from '../model/fleet.ts'
import type { Intake } from '../supervisor/intake.ts'

/** Tells the intake, whenever it changes, which versions of an app may still be started or still run. */
export function retainVersions(intake: () => Intake | null): (fleet: Fleet, touched: Iterable<string>) => void {
  const retained = new Map<string, string>()
  return (fleet, touched) => {
    for (const name of touched) {
      const app = fleet.apps.get(name)
      if (!app) {
        retained.delete(name)
        continue
      }
      const releases = [app.current, app.good, ...app.instances.map((it) => it.release)]
      const versions = [...new Set(releases.flatMap((it) => (it ? [it.launch.version] : [])))]
      if (retained.get(name) === versions.join()) continue
      retained.set(name, versions.join())
      intake()?.retain(name, versions)
    }
  }
}
