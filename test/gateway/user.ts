import type { LinkUser } from '../../src/gateway/link-user.ts'
import type { Link } from '../../src/gateway/link.ts'

/** Somebody who takes a connection and asks nothing over it. */
export class User implements LinkUser<Link> {
  readonly isOnce = false
  link: Link | null = null
  lostBy: string | null = null
  linked(link: Link): void {
    this.link = link
    link.begin(this, 0)
  }
  interim(): void {}
  responded(): void {}
  data(): void {}
  whole(): void {}
  flush(): boolean {
    return true
  }
  switched(): boolean {
    return false
  }
  finished(): void {}
  released(): void {}
  drained(): void {}
  lost(code: string): void {
    this.lostBy = code
  }
  failed(error: unknown): void {
    throw error
  }
}
