/** What a program was built for, and what this machine is, in the words of `process.platform` and `process.arch`. */
export interface Machine {
  readonly platform: string
  readonly arch: string
}

export type BinaryVerdict =
  | { readonly kind: 'fits'; readonly loader: string | null }
  | { readonly kind: 'wrong'; readonly reason: string }
  /** Ends before its own headers say: cut off, or still on its way. */
  | { readonly kind: 'truncated'; readonly reason: string }

/** Judges a program by its first bytes and its size; null when it is neither ELF, Mach-O nor a Windows program. */
export function inspectBinary(head: Buffer, size: number, machine: Machine): BinaryVerdict | null {
  const magic = head.length >= 4 ? head.readUInt32BE(0) : 0
  if (magic === 0x7f454c46) return inspectElf(head, size, machine)
  const mach = machCpus(head, magic)
  if (mach) return inspectMach(mach, machine)
  if (head.length >= 64 && head.toString('latin1', 0, 2) === 'MZ') {
    return { kind: 'wrong', reason: `a Windows program; this machine runs ${systemName(machine.platform)}` }
  }
  return null
}

/** System V ABI, chapter 4: the header, the segments that are loaded, and the section table, which linkers put last. */
function inspectElf(head: Buffer, size: number, machine: Machine): BinaryVerdict {
  const cut = (needed: number): BinaryVerdict => ({
    kind: 'truncated',
    reason: `truncated: the program has ${size} bytes and its own headers speak of ${needed}`,
  })
  const wide = head[4] === 2
  const headerSize = wide ? 64 : 52
  if (head.length < headerSize) return cut(headerSize)
  const little = head[5] === 1
  const u16 = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at))
  const u32 = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at))
  const word = (at: number): number =>
    wide ? Number(little ? head.readBigUInt64LE(at) : head.readBigUInt64BE(at)) : u32(at)

  if (machine.platform === 'darwin') {
    return { kind: 'wrong', reason: `built for Linux, this machine runs ${systemName(machine.platform)}` }
  }
  const built = elfMachines[u16(18)] ?? { name: `machine type ${u16(18)}`, runsOn: [] }
  if (!built.runsOn.includes(machine.arch) || little !== !bigEndian.has(machine.arch)) {
    return { kind: 'wrong', reason: `built for ${built.name}, this machine is ${archName(machine.arch)}` }
  }
  const type = u16(16)
  if (type === 1) return { kind: 'wrong', reason: 'an object file, not a program: it has not been linked' }
  if (type !== 2 && type !== 3) return { kind: 'wrong', reason: `not a program but ELF type ${type}` }

  const sections = word(wide ? 40 : 32)
  const sectionsEnd = sections === 0 ? 0 : sections + u16(wide ? 58 : 46) * u16(wide ? 60 : 48)
  const segments = word(wide ? 32 : 28)
  const segmentSize = u16(wide ? 54 : 42)
  const segmentCount = u16(wide ? 56 : 44)
  let end = Math.max(sectionsEnd, segments + segmentSize * segmentCount)
  let loader: string | null = null
  for (let index = 0; index < segmentCount; index++) {
    const at = segments + index * segmentSize
    if (segmentSize < (wide ? 56 : 32) || at + segmentSize > head.length) break
    const offset = word(at + (wide ? 8 : 4))
    const length = word(at + (wide ? 32 : 16))
    if (u32(at) === 1) end = Math.max(end, offset + length)
    if (u32(at) === 3 && offset + length <= head.length) {
      loader = head.toString('latin1', offset, offset + length).replace(/\0.*$/s, '')
    }
  }
  return end > size ? cut(end) : { kind: 'fits', loader }
}

/** The CPU types of a Mach-O or universal binary; null when it is neither (<mach-o/loader.h>, <mach-o/fat.h>). */
function machCpus(head: Buffer, magic: number): readonly number[] | null {
  if (head.length < 8) return null
  if (magic === 0xcffaedfe || magic === 0xcefaedfe) return [head.readUInt32LE(4)]
  if (magic === 0xfeedfacf || magic === 0xfeedface) return [head.readUInt32BE(4)]
  if (magic !== 0xcafebabe) return null
  // A Java class starts with the same four bytes; its next number is a version, 45 or more.
  const count = head.readUInt32BE(4)
  if (count === 0 || count > 30) return null
  return Array.from({ length: count }, (_, index) => 8 + index * 20)
    .filter((at) => at + 4 <= head.length)
    .map((at) => head.readUInt32BE(at))
}

function inspectMach(cpus: readonly number[], machine: Machine): BinaryVerdict {
  const names = cpus.map((cpu) => machMachines[cpu]?.name ?? `CPU type ${cpu}`).join(' and ')
  if (machine.platform !== 'darwin') {
    const here = `${systemName(machine.platform)} on ${archName(machine.arch)}`
    return { kind: 'wrong', reason: `built for macOS on ${names}, this machine runs ${here}` }
  }
  if (cpus.some((cpu) => machMachines[cpu]?.runsOn.includes(machine.arch))) return { kind: 'fits', loader: null }
  return { kind: 'wrong', reason: `built for ${names}, this machine is ${archName(machine.arch)}` }
}

interface Built {
  readonly name: string
  /** Values of `process.arch` whose kernels run it; a 64-bit kernel also runs its 32-bit ancestor. */
  readonly runsOn: readonly string[]
}

const elfMachines: Readonly<Record<number, Built>> = {
  3: { name: 'x86 (32 bit)', runsOn: ['ia32', 'x64'] },
  8: { name: 'MIPS', runsOn: ['mips', 'mipsel'] },
  20: { name: 'PowerPC', runsOn: ['ppc', 'ppc64'] },
  21: { name: 'PowerPC 64', runsOn: ['ppc64'] },
  22: { name: 's390x', runsOn: ['s390', 's390x'] },
  40: { name: 'ARM (32 bit)', runsOn: ['arm', 'arm64'] },
  62: { name: 'x86-64', runsOn: ['x64'] },
  183: { name: 'aarch64', runsOn: ['arm64'] },
  243: { name: 'RISC-V', runsOn: ['riscv64'] },
  258: { name: 'LoongArch', runsOn: ['loong64'] },
}

// Apple silicon runs x86-64 programs through Rosetta.
const machMachines: Readonly<Record<number, Built>> = {
  7: { name: 'x86 (32 bit)', runsOn: [] },
  0x01000007: { name: 'x86-64', runsOn: ['x64', 'arm64'] },
  0x0100000c: { name: 'arm64', runsOn: ['arm64'] },
}

// `process.arch` says ppc64 for both byte orders; little endian is the one still sold.
const bigEndian = new Set(['mips', 'ppc', 's390', 's390x'])

function archName(arch: string): string {
  return { x64: 'x86-64', arm64: 'aarch64', ia32: 'x86 (32 bit)', arm: 'ARM (32 bit)' }[arch] ?? arch
}

function systemName(platform: string): string {
  return { linux: 'Linux', darwin: 'macOS', win32: 'Windows', freebsd: 'FreeBSD' }[platform] ?? platform
}
