import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { quaymasterVersion } from '../lib/version.ts'

/** Runs a command line and resolves with its exit code. Each command's code is loaded when it is called, not before. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let code = 0
  const program = createProgram((result) => (code = result))
  try {
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    // Help and the version arrive here with 0. Everything else that commander throws is a mistake in the command line.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
}

function createProgram(done: (code: number) => void): Command {
  const program = new Command('quaymaster')
    .description('Drop an executable into apps/ and it is an authenticated, supervised HTTP service.')
    .version(quaymasterVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .addOption(new Option('--config <file>', 'configuration file').env('QUAYMASTER_CONFIG'))
    .addOption(new Option('--state <dir>', 'state folder (token, control socket, versions)').env('QUAYMASTER_STATE'))
    .option('--no-color', 'no colours')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(quaymaster --help shows what there is)')
    .addHelpText('after', epilogue)
    .exitOverride()
    // Nothing is left to do for a command whose reader has left, as `| head` does. The gateway goes on without one.
    .hook('preAction', (_, command) => {
      if (command.name() !== 'up') process.stdout.on('error', () => process.exit(0))
    })

  program
    .command('up')
    .description('run the gateway in this folder, until Ctrl-C')
    .option('--apps <dir>', 'watched folder (default: ./apps)')
    .option('--host <host>', 'address to listen on (default: localhost)')
    .option('--port <number>', 'port to listen on, 0 for a free one (default: 8080)', port)
    .option('--admin-port <number>', 'port of the admin listener, 0 for a free one (default: 8081)', port)
    .option('--workers <number>', 'threads that move traffic, auto for one a core (default: 1)', workers)
    .option('--json', 'one JSON object a line on stdout, also on a terminal', false)
    .addHelpText(
      'after',
      examples(
        ['quaymaster up', 'serve ./apps on http://localhost:8080/'],
        ['quaymaster up --port 0 --json', 'any free port; the first line says which'],
        ['quaymaster up --apps ~/bin/services', 'watch another folder'],
      ),
    )
    .action(async (_, command: Command) => {
      const { runUp } = await import('./up.ts')
      done(await runUp(command.optsWithGlobals()))
    })

  program
    .command('status')
    .description('show all apps')
    .option('--json', 'the whole document as JSON', false)
    .addHelpText(
      'after',
      `${examples(['quaymaster status'], ["quaymaster status --json | jq -r '.apps[] | [.name, .state] | @tsv'"])}

MEMORY is what all processes of an instance have resident, pages that several share counted for each of them;
limits.memory counts those once between all who share them, also with other programs, so it is reached later.`,
    )
    .action(async (_, command: Command) => {
      const { runStatus } = await import('./status.ts')
      done(await runStatus(command.optsWithGlobals()))
    })

  program
    .command('logs')
    .description('show what apps have written')
    .argument('[app]', 'only of this app', filled)
    .option('-f, --follow', 'go on until Ctrl-C', false)
    .option('-n, --lines <number>', 'how many of the newest lines', count(0, 100_000), 100)
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', examples(['quaymaster logs -f'], ['quaymaster logs hello -n 1000 --json']))
    .action(async (app: string | undefined, _, command: Command) => {
      const { runLogs } = await import('./logs.ts')
      done(await runLogs({ ...command.optsWithGlobals(), app: app ?? null }))
    })

  program
    .command('crashes')
    .description('show what died, and which request it was')
    .argument('[app]', 'only of this app, or the id of one crash', filled)
    .option('--last', 'the newest one in full', false)
    .option('--clear', 'suspect no request of this app any more', false)
    .option('--json', 'as JSON', false)
    .addHelpText('after', examples(['quaymaster crashes'], ['quaymaster crashes hello --last']))
    .action(async (app: string | undefined, _, command: Command) => {
      const { runCrashes } = await import('./crashes.ts')
      done(await runCrashes({ ...command.optsWithGlobals(), app: app ?? null }))
    })

  for (const [verb, description] of verbs) {
    program
      .command(verb)
      .description(description)
      .argument('<app>', 'its name, as status shows it', filled)
      .addHelpText('after', examples([`quaymaster ${verb} hello`]))
      .action(async (app: string, _, command: Command) => {
        const { runVerb } = await import('./verb.ts')
        done(await runVerb(verb, app, command.optsWithGlobals()))
      })
  }

  program
    .command('deploy')
    .description('put a file into the apps folder and wait until it has proved itself')
    .argument('<file>', 'the executable', filled)
    .option('--as <name>', 'the name of the app (default: that of the file)', filled)
    .addHelpText('after', outcomes(examples(['quaymaster deploy dist/server --as shop'])))
    .action(async (file: string, _, command: Command) => {
      const { runDeploy } = await import('./deploy.ts')
      done(await runDeploy(file, command.optsWithGlobals()))
    })

  program
    .command('versions')
    .description('list the kept versions of an app')
    .argument('<app>', 'its name, as status shows it', filled)
    .option('--json', 'as JSON', false)
    .action(async (app: string, _, command: Command) => {
      const { runVersions } = await import('./versions.ts')
      done(await runVersions(app, command.optsWithGlobals()))
    })

  program
    .command('rollback')
    .description('go back to an earlier version until the file changes, or until restart')
    .argument('<app>', 'its name, as status shows it', filled)
    .argument('[version]', 'as versions shows it; the beginning will do (default: the last that served)', filled)
    .addHelpText('after', outcomes(examples(['quaymaster rollback hello'], ['quaymaster rollback hello 3fa9'])))
    .action(async (app: string, version: string | undefined, _, command: Command) => {
      const { runRollback } = await import('./versions.ts')
      done(await runRollback(app, version, command.optsWithGlobals()))
    })

  program
    .command('down')
    .description('stop the gateway of this folder and everything it runs')
    .action(async (_, command: Command) => {
      const { runDown } = await import('./down.ts')
      done(await runDown(command.optsWithGlobals()))
    })

  program
    .command('drill')
    .description('prove under load that nothing is lost, with a gateway and an app of its own')
    .argument('[app]', 'an app of the gateway that runs here; asks for --here', filled)
    .option('--here', 'it may be killed and frozen again and again', false)
    .option('--only <lessons>', 'only these, by name, with commas')
    .option('--times <number>', 'how often each', count(1, 1_000), 3)
    .option('--rate <number>', 'GETs a second, of four clients together', count(1, 5_000), 500)
    .option('--boot <ms>', 'how long its own app takes before it listens', count(0, 60_000), 300)
    .option('--json', 'all figures as one JSON object', false)
    .addHelpText('after', examples(['quaymaster drill'], ['quaymaster drill --only kill --times 20 --json']))
    .action(async (app: string | undefined, _, command: Command) => {
      const { runDrill } = await import('./drill/run.ts')
      done(await runDrill({ ...command.optsWithGlobals(), app: app ?? null }))
    })

  program
    .command('upgrade')
    .description('let a new process, of the code that is on the disk now, take over without a gap')
    .action(async (_, command: Command) => {
      const { runUpgrade } = await import('./upgrade.ts')
      done(await runUpgrade(command.optsWithGlobals()))
    })

  program
    .command('guard', { hidden: true })
    .argument('<state>')
    .argument('<grace>', 'milliseconds', count(0, Number.MAX_SAFE_INTEGER))
    .action(async (state: string, grace: number) => {
      const { runGuard } = await import('./guard.ts')
      done(await runGuard(state, grace))
    })

  program
    .command('token')
    .description('print the token that was made at the first start')
    .addHelpText('after', examples(['curl -H "X-API-Token: $(quaymaster token)" http://localhost:8080/hello/']))
    .action(async (_, command: Command) => {
      const { runToken } = await import('./token.ts')
      done(await runToken(command.optsWithGlobals()))
    })
  for (const command of program.commands) {
    command.showHelpAfterError(`(quaymaster ${command.name()} --help shows what there is)`)
  }
  return program
}

const verbs = [
  ['start', 'start an app that was stopped'],
  ['stop', 'stop an app until it is started again'],
  ['restart', 'replace the instances of an app by new ones, without a gap'],
] as const

const epilogue = `
Examples:
  quaymaster up                   serve ./apps on http://localhost:8080/
  quaymaster status               what runs, and why something does not
  quaymaster logs hello -f        follow what an app writes
  curl -H "X-API-Token: $(quaymaster token)" http://localhost:8080/hello/

Environment:
  QUAYMASTER_CONFIG    like --config
  QUAYMASTER_STATE     like --state
  NO_COLOR             no colours
  FORCE_COLOR          colours even where stdout is no terminal

Exit codes: 0 done, or stopped by a signal; 1 failed; 2 command line or configuration; 130 forced by a second Ctrl-C.`

function examples(...lines: readonly (readonly [command: string, meaning?: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  const shown = lines.map(([command, meaning]) => (meaning ? `${command.padEnd(width)}   ${meaning}` : command))
  return `\nExamples:\n${shown.map((line) => `  ${line}`).join('\n')}`
}

function outcomes(text: string): string {
  return `${text}\n\nExit codes: 0 it serves; 1 it was refused, with the reason, and what served before goes on; 2 the command line is wrong.`
}

function port(text: string): number {
  return count(0, 65_535)(text)
}

function workers(text: string): number | 'auto' {
  return text === 'auto' ? text : count(1, 256)(text)
}

/** An empty word comes from a variable that is not set: nobody means one. */
function filled(text: string): string {
  if (text !== '') return text
  throw new InvalidArgumentError('It must not be empty.')
}

function count(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It takes a whole number from ${least} to ${most}.`)
  }
}
