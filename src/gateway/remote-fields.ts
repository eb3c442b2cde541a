import { nameNumber, TRAITS } from '../http/names.ts'
import type { Field } from '../http/rewrite.ts'
import { requestOut, type Passage } from './outgoing.ts'

/**
 * What a host that we do not run gets of the fields of a request: by the same rules as an app of ours, and therefore from
 * the same description, only as a list, and with the Host it has there. A second list of what may pass would differ from
 * the first one sooner or later. Framing, Connection, Upgrade and Expect are not in it, the relay adds them anew.
 */
export function remoteFields(passage: Passage, host: string): Field[] {
  const { head } = passage
  const { omits, edits, added, pieces, trailers } = requestOut(passage)
  const fields: Field[] = [['Host', host]]
  for (let index = 0; index < head.count; index++) {
    const number = head.names[index] as number
    if (((TRAITS[number] as number) & omits) !== 0 || head.omitted[index] !== 0 || number === EXPECT) continue
    const edit = edits?.get(index)
    if (edit === '') continue
    const name = head.text(head.nameStart(index), head.nameEnd(index))
    fields.push([name, edit ?? head.text(head.valueStart(index), head.valueEnd(index))])
  }
  fields.push(...fieldsIn(added), ...fieldsIn(pieces.join('')))
  if (trailers) fields.push(['TE', 'trailers'])
  return fields
}

const EXPECT = nameNumber('expect')

/** Lines of ours, each ended by CR LF, see `fieldLine`. */
function fieldsIn(lines: string): Field[] {
  return lines
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => {
      const at = line.indexOf(': ')
      return [line.slice(0, at), line.slice(at + 2)]
    })
}
