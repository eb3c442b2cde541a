export const style: string = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#f6f8f9, #11181c);
  --card: light-dark(#fff, #182126);
  --ink: light-dark(#16232a, #e3ebee);
  --soft: light-dark(#52646d, #9db0b9);
  --line: light-dark(#d8e0e4, #2b383f);
  --sea: light-dark(#0e7490, #4cc3e0);
  --good: light-dark(#166534, #6ee09a);
  --bad: light-dark(#b42318, #ff9c90);
  --wait: light-dark(#8a5300, #f2c063);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.25rem; padding-top: 1.25rem; }
h1 { margin: 0; font-size: 1.35rem; color: var(--sea); }
h1 small { font-weight: 400; font-size: .85rem; color: var(--soft); }
header p { margin: 0; color: var(--soft); }
.link { margin-left: auto; }
.link::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .4em; border-radius: 50%; background: var(--wait); }
.link[data-live="yes"]::before { background: var(--good); }
.link:empty { display: none; }
main > * { margin-top: 1.25rem; }
.scroll, form, .log { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { padding: .55rem .8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; font-size: .8rem; font-weight: 600; color: var(--soft); white-space: nowrap; }
tbody th { font-weight: 600; }
.lines { white-space: pre; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.reason { display: block; max-width: 28rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.state { font-weight: 600; color: var(--wait); white-space: nowrap; }
.state::before { content: "◐ "; }
.state[data-mood="good"] { color: var(--good); }
.state[data-mood="good"]::before { content: "● "; }
.state[data-mood="bad"] { color: var(--bad); }
.state[data-mood="bad"]::before { content: "✗ "; }
.state[data-mood="off"] { color: var(--soft); }
.state[data-mood="off"]::before { content: "○ "; }
.actions { white-space: nowrap; }
a { color: var(--sea); }
code, .log, .mono { font: .85rem/1.5 ui-monospace, monospace; }
button, select, input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; padding: .2rem .6rem; }
button { cursor: pointer; }
button:hover:not(:disabled) { border-color: var(--sea); }
button:disabled { opacity: .45; cursor: default; }
:focus-visible { outline: 2px solid var(--sea); outline-offset: 2px; }
form { max-width: 32rem; padding: 1.25rem; }
form label { font-weight: 600; }
form p { margin: .25rem 0 .75rem; color: var(--soft); }
form input { width: 100%; margin-bottom: .75rem; padding: .45rem .6rem; }
.trouble { color: var(--bad) !important; }
.trouble:empty { display: none; }
.bar { display: flex; align-items: baseline; gap: .75rem; margin-bottom: .5rem; }
.bar h2 { margin: 0; font-size: 1rem; }
.log { height: 22rem; overflow: auto; padding: .6rem .8rem; margin-bottom: 2rem; }
.log div { white-space: pre-wrap; overflow-wrap: anywhere; }
.log b { color: var(--sea); font-weight: 600; }
.log [data-stream="stderr"] { color: var(--bad); }
[hidden] { display: none !important; }
`
