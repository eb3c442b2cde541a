/** Runs in the browser. Text only ever becomes text: `textContent`, never markup. */
export const script: string = String.raw`
'use strict'
const byId = (id) => document.getElementById(id)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const moods = { ready: 'good', remote: 'good', refused: 'bad', resting: 'bad', degraded: 'bad', off: 'off', stopping: 'off' }
const maxLines = 1000
let token = sessionStorage.getItem('token')
let session = null
let refreshing = false
let again = false
let tail = null

async function api(path, options = {}) {
  const response = await fetch('/api/v1' + path, { ...options, headers: { Authorization: 'Bearer ' + token }, cache: 'no-store' })
  if (response.ok) return response
  const problem = await response.json().catch(() => ({}))
  if (response.status === 401) leave('This token does not open the admin side. ' + (problem.detail || ''))
  throw new Error(problem.detail || 'The gateway answered with ' + response.status)
}

function leave(why) {
  if (session) session.abort()
  session = null
  token = null
  sessionStorage.removeItem('token')
  byId('inside').hidden = true
  byId('door').hidden = false
  byId('trouble').textContent = why
  byId('token').focus()
}

function enter() {
  session = new AbortController()
  byId('door').hidden = true
  byId('inside').hidden = false
  byId('trouble').textContent = ''
  follow(session.signal)
  poll(session.signal)
  openTail()
}

byId('door').addEventListener('submit', (event) => {
  event.preventDefault()
  token = byId('token').value.trim()
  byId('token').value = ''
  sessionStorage.setItem('token', token)
  enter()
})

// Live: every event means that the table has changed. The stream is fetched, because EventSource cannot send a token.
async function follow(signal) {
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 10000)) {
    try {
      const response = await api('/events', { signal })
      live(true)
      wait = 500
      const reader = response.body.getReader()
      for (;;) {
        const { done } = await reader.read()
        if (done) break
        refresh()
      }
    } catch {}
    live(false)
    await pause(wait)
  }
}

// The fallback while there is no stream, and what keeps uptimes true while there is one.
async function poll(signal) {
  while (!signal.aborted) {
    await refresh()
    await pause(document.hidden ? 15000 : 3000)
  }
}

function live(yes) {
  byId('link').dataset.live = yes ? 'yes' : 'no'
  byId('link').textContent = yes ? 'live' : 'connecting'
}

async function refresh() {
  if (refreshing) { again = true; return }
  refreshing = true
  try {
    do {
      again = false
      show(await (await api('/status', { signal: session.signal })).json())
      await pause(100)
    } while (again && session)
  } catch (error) {
    if (session) byId('summary').textContent = 'No answer from the gateway: ' + error.message
  }
  refreshing = false
}

function show(status) {
  const { apps } = status
  const ready = apps.filter((app) => moods[app.state] === 'good').length
  say(byId('version'), status.version)
  say(byId('summary'), status.closing ? 'shutting down' : apps.length === 0
    ? 'No apps yet. Drop an executable into the apps folder.'
    : ready + ' of ' + apps.length + (apps.length === 1 ? ' app is' : ' apps are') + ' ready')
  const body = byId('apps')
  const rows = new Map([...body.rows].map((row) => [row.dataset.app, row]))
  apps.forEach((app, index) => {
    const row = rows.get(app.name) || newRow(app.name)
    rows.delete(app.name)
    fill(row, app)
    // Moved only when it must be: a row that is moved loses the focus of its buttons.
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] || null)
  })
  for (const row of rows.values()) row.remove()
  offer(apps.map((app) => app.name))
}

function newRow(name) {
  const row = document.createElement('tr')
  row.dataset.app = name
  const head = add(row, 'th')
  head.scope = 'row'
  add(head, 'a')
  const state = add(row, 'td')
  add(state, 'span', 'state')
  add(state, 'span', 'reason')
  add(row, 'td', 'mono lines')
  add(row, 'td', 'number')
  add(row, 'td', 'number')
  add(row, 'td', 'mono')
  const actions = add(row, 'td', 'actions')
  for (const verb of ['start', 'stop', 'restart']) {
    const button = add(actions, 'button')
    button.type = 'button'
    button.dataset.verb = verb
    button.textContent = verb
    button.setAttribute('aria-label', verb + ' ' + name)
    button.addEventListener('click', () => command(name, verb, button))
    actions.append(' ')
  }
  return row
}

function fill(row, app) {
  const [head, state, instances, uptime, falls, version] = row.cells
  const link = head.firstChild
  say(link, app.name)
  if (/^https?:/.test(app.url) && link.href !== app.url) link.href = app.url
  say(state.children[0], app.state)
  state.children[0].dataset.mood = moods[app.state] || 'wait'
  const rejected = app.rejected && 'A newer version was rejected: ' + app.rejected.reason
  const note = (app.instances.find((it) => it.note) || {}).note
  say(state.children[1], app.reason || rejected || note || '')
  say(instances, app.instances.map((it) => '#' + it.run + (it.pid ? ' PID ' + it.pid : '') + (it.port ? ' :' + it.port : it.socket ? ' ' + it.socket : '')
    + (it.state === 'ready' ? '' : ' ' + it.state)).join('\n') || '–')
  const oldest = Math.max(0, ...app.instances.filter((it) => it.state === 'ready').map((it) => it.uptime))
  say(uptime, oldest ? span(oldest) : '–')
  say(falls, String(app.falls.total))
  falls.title = app.falls.last ? app.falls.last.reason : ''
  say(version, (app.version || '–').slice(0, 8))
  for (const button of row.querySelectorAll('button')) {
    if (button.dataset.busy) continue
    const verb = button.dataset.verb
    const off = app.state === 'off' || app.state === 'stopping'
    button.disabled = app.state === 'remote' || app.state === 'refused' || (verb === 'start' ? !off && app.state !== 'resting' : off)
  }
}

async function command(name, verb, button) {
  button.dataset.busy = 'yes'
  button.disabled = true
  say(byId('word'), '')
  try {
    await api('/apps/' + encodeURIComponent(name) + '/' + verb, { method: 'POST' })
  } catch (error) {
    say(byId('word'), error.message)
  }
  delete button.dataset.busy
  refresh()
}

function offer(names) {
  const select = byId('which')
  const known = [...select.options].slice(1).map((option) => option.value)
  if (known.join() === names.join()) return
  const chosen = select.value
  while (select.options.length > 1) select.remove(1)
  for (const name of names) select.add(new Option(name, name))
  select.value = names.includes(chosen) ? chosen : ''
  if (select.value !== chosen) openTail()
}

byId('which').addEventListener('change', openTail)
byId('clear').addEventListener('click', () => byId('log').replaceChildren())

async function openTail() {
  if (tail) tail.abort()
  if (!session) return
  const mine = (tail = new AbortController())
  const signal = AbortSignal.any([mine.signal, session.signal])
  const app = byId('which').value
  while (!signal.aborted) {
    byId('log').replaceChildren()
    try {
      const path = '/logs?follow=1&n=200' + (app ? '&app=' + encodeURIComponent(app) : '')
      const response = await api(path, { signal })
      let rest = ''
      for await (const piece of read(response.body.pipeThrough(new TextDecoderStream()))) {
        const lines = (rest + piece).split('\n')
        rest = lines.pop()
        append(lines.filter((line) => line !== '').map((line) => JSON.parse(line)))
      }
    } catch {}
    await pause(2000)
  }
}

async function* read(stream) {
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}

function append(entries) {
  const log = byId('log')
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
  for (const entry of entries) {
    const line = add(log, 'div')
    if (entry.lost) { line.textContent = '… ' + entry.lost + ' lines left out'; continue }
    line.dataset.stream = entry.stream
    const name = add(line, 'b')
    name.textContent = entry.app
    line.append(' ' + entry.line.replace(/\u001b\[[0-9;:]*[A-Za-z]/g, ''))
  }
  while (log.childElementCount > maxLines) log.firstElementChild.remove()
  if (atEnd) log.scrollTop = log.scrollHeight
}

function add(parent, name, className) {
  const element = document.createElement(name)
  if (className) element.className = className
  parent.append(element)
  return element
}

// Written only when it differs: a screen reader would else read it again.
function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function span(ms) {
  const s = Math.floor(ms / 1000)
  if (s < 60) return s + 's'
  if (s < 3600) return Math.floor(s / 60) + 'm ' + (s % 60) + 's'
  if (s < 86400) return Math.floor(s / 3600) + 'h ' + Math.floor((s % 3600) / 60) + 'm'
  return Math.floor(s / 86400) + 'd ' + Math.floor((s % 86400) / 3600) + 'h'
}

if (token) enter()
else leave('')
`
