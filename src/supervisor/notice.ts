/** Tells the operator something that concerns no single app. */
export type Notice = (level: 'info' | 'warn' | 'error', message: string) => void
