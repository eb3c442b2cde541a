/**
 * What a child or a client wrote, made safe for a terminal. Left alone, it could move the cursor over other lines, change
 * the window's title, answer as if it had been typed (DECRQSS, OSC 52 …) or switch the character set. Only tabs pass,
 * and, with `color`, sequences that set colours (SGR); what is opened by them is closed at the end of the line.
 */
export function plainText(text: string, color: boolean): string {
  // Almost every line has nothing in it to look at.
  if (!suspicious.test(text)) return text
  let styled = false
  const safe = text.replace(sequences, (sequence) => {
    if (!color || !sgr.test(sequence)) return ''
    styled = true
    return sequence
  })
  return styled ? `${safe}\u001b[0m` : safe
}

/* oxlint-disable no-control-regex */

/** C0 but the tab, DEL, C1, and the separators some terminals take for line ends. */
const suspicious = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/

/**
 * ECMA-48: whole CSI sequences, whole control strings (OSC, DCS, SOS, PM, APC) up to their end, other escapes,
 * single controls. Of a control string without an end only the beginning goes: it must not take the rest of a line with it. */
const sequences =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u0090\u0098\u009c-\u009f]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]?|[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g

// Not `8` (concealed): text that cannot be seen has no place in a log.
const sgr = /^\u001b\[(?!(?:[0-9:;]*;)?8(?:;|m))[0-9:;]*m$/
