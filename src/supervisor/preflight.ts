import { constants, open, stat, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { shown, typed } from './display.ts'
import { inspectBinary, type Machine } from './elf.ts'
import { reasonOf } from './errno.ts'
import { extensionOf, printable } from './names.ts'
import { readShebang } from './shebang.ts'
import { isRunnable, which } from './which.ts'

export type Verdict =
  /** `source` is what the operator would type: the link, not what it points to. */
  | { readonly kind: 'fit'; readonly form: 'script' | 'binary' }
  | {
      readonly kind: 'unfit'
      readonly reason: string
      /** Looks as if the rest were still to come: told only after a longer quiet. */
      readonly unfinished: boolean
      /** Something outside the file is missing and may be installed: look again now and then. */
      readonly mayHeal: boolean
    }

export interface PreflightOptions {
  /** The path to read. */
  readonly file: string
  /** The path in `apps/` to speak of. */
  readonly name: string
  /** The PATH the app will get. */
  readonly searchPath: string
  readonly machine: Machine
}

/** Reads an executable before it is run, so that a refusal names the cause and not "spawn ENOENT". */
export async function preflight(options: PreflightOptions): Promise<Verdict> {
  const { file, name } = options
  let head: Head
  try {
    head = await readHead(file)
  } catch (error) {
    if (reasonOf(error) === 'EACCES' || reasonOf(error) === 'EPERM') {
      return unfit(`not readable by this user; run: chmod u+rx ${typed(name)}`)
    }
    throw error
  }
  if (head.size === 0) return { ...unfit('empty file'), unfinished: true }
  if (!(await isRunnable(file))) {
    if ((head.mode & 0o111) === 0) return unfit(`not executable; run: chmod +x ${typed(name)}`)
    return unfit(`not executable by this user: ${shown(name)} belongs to somebody else or its file system is noexec`)
  }
  const binary = inspectBinary(head.bytes, head.size, options.machine)
  if (binary?.kind === 'wrong') return unfit(binary.reason)
  if (binary?.kind === 'truncated') return { ...unfit(binary.reason), unfinished: true }
  if (binary?.kind === 'fits') return await judgeLoader(binary.loader)
  return await judgeScript(head.bytes, options)
}

/** Whether a file says itself that it is a program; what is not executable and no program is nobody's mistake. */
export async function looksLikeProgram(file: string, machine: Machine): Promise<boolean> {
  if (extensionOf(path.basename(file)) === '') return true
  try {
    const { bytes, size } = await readHead(file)
    return size === 0 || inspectBinary(bytes, size, machine) !== null || readShebang(bytes).kind !== 'none'
  } catch {
    // Gone again, or nothing that this user may read.
    return false
  }
}

/** One sentence when `command` cannot be found, else null. */
export async function missingCommand(command: string, searchPath: string, cwd: string): Promise<string | null> {
  if ((await which(command, searchPath, cwd)) !== null) return null
  if (!command.includes('/')) return `needs ${printable(command)}, which is not on PATH`
  const file = path.resolve(cwd, command)
  if (!(await exists(file))) return `needs ${shown(file)}, which does not exist`
  return `${shown(file)} is not executable; run: chmod +x ${typed(file)}`
}

async function judgeLoader(loader: string | null): Promise<Verdict> {
  if (loader === null || (await exists(loader))) return { kind: 'fit', form: 'binary' }
  const hint = loader.includes('musl') ? ' (built against musl: link it statically or for glibc)' : ''
  return {
    ...unfit(`needs the loader ${printable(loader)}, which does not exist on this machine${hint}`),
    mayHeal: true,
  }
}

async function judgeScript(bytes: Buffer, { name, searchPath }: PreflightOptions): Promise<Verdict> {
  const shebang = readShebang(bytes)
  switch (shebang.kind) {
    case 'none':
      return unfit(noShebang(bytes, name))
    case 'broken':
      return unfit(brokenShebang(shebang.reason, name))
    case 'found': {
      const { interpreter, command } = shebang
      if (!path.isAbsolute(interpreter)) {
        return unfit(
          `the shebang names ${printable(interpreter)}, which is no absolute path; write #!/usr/bin/env ${printable(path.basename(interpreter))}`,
        )
      }
      if (!(await isRunnable(interpreter))) {
        const fault = (await exists(interpreter)) ? 'is not executable' : 'does not exist'
        return { ...unfit(`its interpreter ${printable(interpreter)} ${fault}`), mayHeal: true }
      }
      const missing = command === null ? null : await missingCommand(command, searchPath, path.dirname(name))
      return missing === null ? { kind: 'fit', form: 'script' } : { ...unfit(missing), mayHeal: true }
    }
  }
}

function noShebang(bytes: Buffer, name: string): string {
  if (bytes.includes(0)) return 'neither a script nor a program of a known format'
  const interpreter = interpreters[extensionOf(name).toLowerCase()] ?? 'sh'
  return `no shebang: its first line must name what runs it, such as #!/usr/bin/env ${interpreter}`
}

function brokenShebang(reason: 'crlf' | 'bom' | 'empty' | 'endless', name: string): string {
  switch (reason) {
    case 'crlf':
      // The sed of macOS knows no \r.
      return process.platform === 'darwin'
        ? `\\r after the shebang (Windows line ends); run: perl -pi -e 's/\\r$//' ${typed(name)}`
        : `\\r after the shebang (Windows line ends); run: sed -i 's/\\r$//' ${typed(name)}`
    case 'bom':
      return 'a byte order mark stands before the shebang; save it as UTF-8 without one'
    case 'empty':
      return 'the shebang names no interpreter; write for example #!/usr/bin/env python3'
    case 'endless':
      return 'the shebang is longer than the 255 bytes the kernel reads'
  }
}

const interpreters: Readonly<Record<string, string>> = {
  '.js': 'node',
  '.mjs': 'node',
  '.cjs': 'node',
  '.ts': 'node',
  '.mts': 'node',
  '.py': 'python3',
  '.rb': 'ruby',
  '.pl': 'perl',
  '.php': 'php',
  '.lua': 'lua',
  '.bash': 'bash',
}

function unfit(reason: string): Extract<Verdict, { kind: 'unfit' }> {
  return { kind: 'unfit', reason, unfinished: false, mayHeal: false }
}

interface Head {
  readonly bytes: Buffer
  readonly size: number
  readonly mode: number
}

/** Enough for an ELF header with its segment table and the loader's name. */
const headSize = 4096

async function readHead(file: string): Promise<Head> {
  // Without O_NONBLOCK a pipe that took the file's place would block a thread until somebody writes.
  const handle: FileHandle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { size, mode } = await handle.stat()
    const buffer = Buffer.alloc(headSize)
    const { bytesRead } = await handle.read(buffer, 0, headSize, 0)
    return { bytes: buffer.subarray(0, bytesRead), size, mode }
  } finally {
    await handle.close()
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch {
    return false
  }
}
