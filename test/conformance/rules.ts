import fs from 'node:fs'
import path from 'node:path'

/** How many rules there are; they are numbered from 1. */
export const count = 121
export const list: string = path.join(import.meta.dirname, 'RULES.md')

/** Rule → its tests, read from the names in the test files of this folder: "rule 7: a line without colon …". */
export function readRules(): Map<number, { file: string; name: string }[]> {
  const rules = new Map<number, { file: string; name: string }[]>()
  for (const file of fs.globSync('*.test.ts', { cwd: import.meta.dirname }).sort()) {
    const text = fs.readFileSync(path.join(import.meta.dirname, file), 'utf8')
    for (const [, number = '', name = ''] of text.matchAll(/^ *test\('rule (\d+): (.*)', (?:async )?\(/gm)) {
      const rule = Number(number)
      rules.set(rule, [...(rules.get(rule) ?? []), { file, name }])
    }
  }
  return rules
}

/** The list for people, as Markdown. */
export function formatRules(): string {
  const rules = readRules()
  const rows = [...rules.entries()]
    .sort(([a], [b]) => a - b)
    .flatMap(([rule, tests]) => tests.map(({ file, name }) => `| ${rule} | [${file}](${file}) | ${name} |`))
  return `# Rules on the wire and their tests

Written by \`node test/conformance/rules.ts\`; \`complete.test.ts\` keeps it true. That each of them goes red when its rule
is broken is shown by \`npm run proof:rules\`: the ways to break them are in \`mutants/\`.

| Rule | File | Test |
| ---: | --- | --- |
${rows.join('\n')}
`
}

if (import.meta.main) fs.writeFileSync(list, formatRules())
