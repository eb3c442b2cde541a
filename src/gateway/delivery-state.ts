/** How far one try of a request has come, in order. */
export const joining = 0
export const sending = 1
export const awaiting = 2
export const answering = 3
export const tunnelling = 4
export const leaving = 5
export const over = 6
