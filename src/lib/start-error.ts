/** The gateway could not start. The message is shown to the operator as it is, without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** 1: it could not be done; 2: the command line or the configuration is wrong. */
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
