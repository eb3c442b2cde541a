#!/usr/bin/env node
// Plain JavaScript that parses on any Node with modules (>= 12.17), because what it has to say on an old one is said here.
import { spawn } from 'child_process'
import { existsSync, readFileSync, realpathSync } from 'fs'
import { dirname, join, sep } from 'path'
import { fileURLToPath, pathToFileURL } from 'url'

const floor = 24
const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))))

// With both set Node obeys FORCE_COLOR and warns on stderr as soon as a module of its own looks; for us NO_COLOR wins.
if (process.env.NO_COLOR) delete process.env.FORCE_COLOR

if (process.platform === 'win32') {
  refuse('Quaymaster supervises processes as Unix does and does not run on Windows itself. Run it inside of WSL 2.')
} else if (majorOf(process.versions.node) >= floor) {
  run()
} else {
  const newer = findNode()
  if (newer) rerun(newer)
  else
    refuse(
      'Quaymaster needs Node ' +
        floor +
        ' or newer; this is ' +
        process.version +
        '. Install it from https://nodejs.org/.',
    )
}

function run() {
  const source = join(root, 'src', 'cli', 'quaymaster.ts')
  const built = join(root, 'dist', 'cli', 'quaymaster.js')
  // Node strips no types below node_modules, so an installed package always runs what was built.
  const strips = process.features.typescript && root.split(sep).indexOf('node_modules') === -1
  const entry = strips && existsSync(source) ? source : built
  // Stripping and compiling the source is half of a start. The cache lies where whoever may write could change the code anyhow.
  if (entry === source)
    process.getBuiltinModule('module').enableCompileCache(join(root, 'node_modules', '.cache', 'quaymaster'))
  if (existsSync(entry)) void import(pathToFileURL(entry).href)
  else refuse('Quaymaster is incomplete: there is no ' + built + '. Build it with: npm run build')
}

/** The Node that the repository brings (tools/runtime), when it is there and new enough. */
function findNode() {
  const names = ['node-' + process.platform + '-' + process.arch, 'node-bin-' + process.platform + '-' + process.arch]
  for (const folder of [join(root, 'node_modules'), join(root, 'tools', 'runtime', 'node_modules')]) {
    for (const name of names) {
      try {
        const version = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version
        const file = join(folder, name, 'bin', 'node')
        if (majorOf(version) >= floor && existsSync(file)) return file
      } catch {
        // Not this one.
      }
    }
  }
  return null
}

/** Becomes, as far as anybody can see from outside, the same program on another Node. */
function rerun(node) {
  // The gateway ends when it sees that this process is no longer its parent: SIGKILL cannot be passed on.
  const env = Object.assign({}, process.env, { QUAYMASTER_LAUNCHER: String(process.pid) })
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env: env })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']
  const forward = (signal) => child.kill(signal)
  for (const signal of signals) process.on(signal, forward)
  // npm that was killed cannot pass on a signal; it is noticed by the new parent. Told as SIGHUP, which nohup is against.
  const parent = process.ppid
  const watch =
    process.env.npm_lifecycle_event && setInterval(() => process.ppid !== parent && child.kill('SIGHUP'), 500)
  child.on('error', (error) => {
    refuse(
      'Quaymaster needs Node ' +
        floor +
        ' or newer; this is ' +
        process.version +
        ', and ' +
        node +
        ' cannot be run: ' +
        error.message +
        '.',
    )
  })
  child.on('exit', (code, signal) => {
    clearInterval(watch)
    for (const name of signals) process.removeListener(name, forward)
    if (signal) process.kill(process.pid, signal)
    else process.exit(code)
  })
}

function refuse(message) {
  console.error(message)
  process.exitCode = 1
}

function majorOf(version) {
  return Number(version.split('.')[0])
}
