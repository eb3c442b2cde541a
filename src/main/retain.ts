import type { Fleet } from '../model/fleet.ts'
import type { Intake } from '../supervisor/intake.ts'

/** Tells the intake, whenever it changes, which versions of an app may still be started or still run. */
export function retainVersions(intake: () => Intake | null): (fleet: Fleet) => void {
  const retained = new Map<string, string>()
  return (fleet) => {
    for (const app of fleet.apps.values()) {
      const releases = [app.current, app.good, ...app.instances.map((it) => it.release)]
      const versions = [...new Set(releases.flatMap((it) => (it ? [it.launch.version] : [])))]
      if (retained.get(app.name) === versions.join()) continue
      retained.set(app.name, versions.join())
      intake()?.retain(app.name, versions)
    }
    for (const name of retained.keys()) if (!fleet.apps.has(name)) retained.delete(name)
  }
}
