import { defineConfig } from 'quaymaster'

// Everything here may be left out: with no file at all, every executable in apps/ is served behind a token that is
// made at the first start. Each field says its unit, its default and its reason when you hover over it. Saving this
// file applies it at once, except for the ports and folders.
export default defineConfig({
  listen: { host: 'localhost', port: 8080 },
  admin: { port: 8081 },

  // Without tokens here, the one in .quaymaster/ counts. To make one that may only call two of the apps:
  //   TOKEN=$(openssl rand -hex 32); printf %s "$TOKEN" | sha256sum
  // auth: { tokens: [{ name: 'ci', sha256: '…64 hex digits…', apps: ['hello', 'clock'] }] },

  defaults: {
    stop: { drain: '5s', grace: '5s' },
  },

  apps: {
    // Two instances share the requests; a new version replaces them without a failed one.
    hello: { instances: 2, env: { GREETING: 'Hello from the quay' } },
    // A stream of events never ends by itself, so there is no point in waiting long for it.
    clock: { stop: { drain: '1s' } },
    // A second address, on top of /chat/ and chat.localhost.
    chat: { host: 'chat.example.test' },
    // Public: nobody is asked for a token.
    fortune: { auth: 'none' },
  },
})
