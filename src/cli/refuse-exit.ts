/**
 * Until it is disposed of, whoever calls `process.exit` gets an error instead: a configuration is code, and one that
 * ends the process would end a gateway without a word, or with its apps left behind. Our own exits come after.
 */
export function refuseExit(): Disposable {
  const exit = process.exit.bind(process)
  const refuse = (code?: string | number | null): never => {
    throw new Error(`process.exit(${code ?? ''}) was called, which would end the gateway; remove the call`)
  }
  process.exit = refuse
  return {
    [Symbol.dispose]: () => {
      if (process.exit === refuse) process.exit = exit
    },
  }
}
