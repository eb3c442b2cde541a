import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { array, assert as check, constantFrom, property } from 'fast-check'
import { splitCommand } from '../../src/config/split-command.ts'

describe('splitCommand', () => {
  it('splits at blanks and honours quotes and backslashes', () => {
    const line = `node  "my server.js" --title 'it''s $5' a\\ b "" "say \\"hi\\" \\n" {port}`
    const words = ['node', 'my server.js', '--title', 'its $5', 'a b', '', 'say "hi" \\n', '{port}']
    assert.deepEqual(splitCommand(line), { ok: true, words })
  })

  it('refuses what only a shell understands, with the way to get it', () => {
    for (const line of [
      'a | b',
      'a && b',
      'a; b',
      'a > f',
      'a $HOME',
      'a "$HOME"',
      'a `b`',
      'ls *.js',
      'a ~/x',
      'a # b',
    ]) {
      const split = splitCommand(line)
      assert.ok(!split.ok, line)
      assert.match(split.reason, /write \['sh', '-c', '…'\]$/)
    }
    const assignment = splitCommand('PORT=1 node x')
    assert.ok(!assignment.ok && /put it under env/.test(assignment.reason))
    assert.deepEqual(splitCommand("'A=1' b=2 c~d e#f"), { ok: true, words: ['A=1', 'b=2', 'c~d', 'e#f'] })
  })

  it('refuses what is not finished or names nothing', () => {
    assert.deepEqual(splitCommand(`a 'b`), { ok: false, reason: "has a quote ' that is never closed" })
    assert.deepEqual(splitCommand(`a "b`), { ok: false, reason: 'has a quote " that is never closed' })
    assert.deepEqual(splitCommand('a \\'), { ok: false, reason: 'ends with a backslash' })
    assert.deepEqual(splitCommand('  '), { ok: false, reason: 'names no program' })
    assert.deepEqual(splitCommand("'' a"), { ok: false, reason: 'names no program' })
  })

  it('splits as sh does whatever it does not refuse', () => {
    const lines: { line: string; words: readonly string[] }[] = []
    const piece = constantFrom("'", '"', '\\', ' ', 'a', 'b=', '-x', '{port}', '=', '~', '#', '!', '%', '$', '*', '\t')
    check(
      property(array(piece, { size: 'max', maxLength: 12 }), (pieces) => {
        const line = `x ${pieces.join('')}`
        const split = splitCommand(line)
        if (split.ok) lines.push({ line, words: split.words })
      }),
      { numRuns: 400 },
    )
    assert.ok(lines.length > 20)
    // One shell for all lines: each prints its words, a unit separator after each, and a record separator at the end.
    const script = lines.map(({ line }) => `set -- ${line}\nprintf '%s\\037' "$@"; printf '\\036'`).join('\n')
    const records = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\u001e').slice(0, -1)
    const shown = records.map((record) => record.split('\u001f').slice(0, -1))
    assert.deepEqual(
      shown,
      lines.map(({ words }) => words),
    )
  })
})
