/**
 * Our own control group in the version-2 hierarchy, as a folder: groups of ours can only be made below it. Null where
 * there is none, or where it cannot be seen from here. `groups` is /proc/self/cgroup, `mounts` /proc/self/mountinfo.
 */
export function placeIn(groups: string, mounts: string): string | null {
  const own = /^0::(\/.*)$/m.exec(groups)?.[1]
  // A group that was removed under us is called `… (deleted)`, one outside of our namespace begins with `/..`.
  if (own === undefined || own.endsWith(' (deleted)') || own.split('/').includes('..')) return null
  for (const line of mounts.split('\n')) {
    const folder = folderAt(line, own)
    if (folder !== null) return folder
  }
  return null
}

/**
 * proc_pid_mountinfo(5): `31 24 0:28 /root /mount/point rw,relatime shared:9 - cgroup2 cgroup2 rw`, with as many optional
 * fields before the hyphen as the kernel likes. A mount may show only a part of the hierarchy.
 */
function folderAt(line: string, own: string): string | null {
  const [mount = '', type = ''] = line.split(' - ')
  const [, , , root, point, options] = mount.split(' ').map(unescape)
  if (!type.startsWith('cgroup2 ') || root === undefined || point === undefined) return null
  if (options?.split(',').includes('ro')) return null
  const top = root === '/' ? '' : root
  if (own !== top && !own.startsWith(`${top}/`)) return null
  return `${point}${own.slice(top.length)}`.replace(/\/+$/, '')
}

/** Spaces, tabs, line ends and backslashes are written in octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/**
 * What to ask systemd whether it leaves a group to us: it owns the hierarchy, and only a unit with `Delegate=` may make
 * groups of its own. The words of a `systemctl` that prints `yes` or `no`; null where no unit is to be seen. The
 * innermost unit counts; below user@UID.service they are those of that user's own systemd.
 */
export function delegationQuery(place: string): readonly string[] | null {
  const units = place.split('/').filter((part) => /.\.(service|scope)$/.test(part))
  const unit = units.at(-1)
  if (unit === undefined) return null
  const manager = units.slice(0, -1).some((it) => it.startsWith('user@')) ? ['--user'] : []
  return [...manager, 'show', '--property=Delegate', '--value', '--', unit]
}

/** A group of ours, by its path: nothing else is ever emptied or removed. */
export function isGroupPath(path: unknown): path is string {
  return typeof path === 'string' && /^\/.*\/quaymaster-[0-9a-f]{16}$/.test(path) && !path.split('/').includes('..')
}
