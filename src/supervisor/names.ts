/** What an entry of `apps/` is called as an app: a DNS label, so that it is also a host name and a path segment. */
export type AppName = { readonly ok: true; readonly name: string } | { readonly ok: false; readonly suggestion: string }

/** The file name without its last extension, a folder's name whole. Nothing is bent into shape silently. */
export function appName(entry: string, isFolder: boolean): AppName {
  const stem = isFolder ? entry : entry.slice(0, entry.length - extensionOf(entry).length)
  if (label.test(stem)) return { ok: true, name: stem }
  const extension = isFolder ? '' : extensionOf(entry).toLowerCase()
  return { ok: false, suggestion: slug(stem) + (/^\.[a-z0-9]{1,8}$/.test(extension) ? extension : '') }
}

/** With its dot; empty when there is none. A leading dot starts a hidden file, not an extension. */
export function extensionOf(entry: string): string {
  const dot = entry.lastIndexOf('.')
  return dot > 0 && dot < entry.length - 1 ? entry.slice(dot) : ''
}

/**
 * Whether an entry can never be an app, whatever is in it: what editors, downloads and file managers leave behind,
 * documentation, and data beside the apps. Told by the name alone, so that the watcher can ask it of anything.
 */
export function isIgnoredName(entry: string): boolean {
  if (entry.startsWith('.') || entry.endsWith('~') || /^#.*#$/.test(entry)) return true
  if (ignoredNames.has(entry) || documents.test(entry)) return true
  return ignoredExtensions.has(extensionOf(entry).slice(1).toLowerCase())
}

/** Whether a key is an app's name, not one of `unnamedKey`. */
export function isLabel(key: string): boolean {
  return label.test(key)
}

/** `hello.mjs` for the app `hello`, `My App.sh` for what cannot have a name; never equal to any app's name. */
export function unnamedKey(entry: string, isFolder: boolean): string {
  const key = printable(entry)
  if (isFolder) return `${key}/`
  return label.test(key) ? `./${key}` : key
}

/** Control characters and bytes that are no text are made visible, so that no file name can write to a terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (it) => {
    const code = it.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

function slug(stem: string): string {
  const plain = stem
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  return plain === '' ? 'app' : plain
}

const ignoredNames = new Set([
  'node_modules',
  '__pycache__',
  '__init__.py',
  '__main__.py',
  'lost+found',
  'Makefile',
  'Dockerfile',
  'Containerfile',
  'Procfile',
  'Gemfile',
  'Rakefile',
  'Icon\r',
])

// Upper case only: `license-server` is a fine name for an app.
const documents = /^(README|LICENSE|LICENCE|COPYING|COPYRIGHT|NOTICE|CHANGELOG|CONTRIBUTING|AUTHORS|TODO)([._-].*)?$/

const ignoredExtensions = new Set(
  [
    // half-written, left over
    'swp swx swo failed part partial filepart tmp temp crdownload download bak orig rej old lock pid',
    // documentation
    'md markdown mdx txt rst adoc pdf html htm',
    // data and configuration
    'json jsonc json5 jsonl ndjson yaml yml toml ini cfg conf properties env xml csv tsv map',
    'db db3 sqlite sqlite3 db-wal db-shm db-journal sqlite-wal sqlite-shm sqlite-journal log sql',
    'pem key crt cer csr p12 sock',
    // what a page is made of
    'css scss less svg png jpg jpeg gif webp avif ico bmp woff woff2 ttf otf mp3 mp4 webm ogg wav wasm',
    // intermediate products
    'o a so dylib dll pyc pyo class d',
    // archives
    'zip gz tgz tar xz bz2 zst 7z',
  ].flatMap((line) => line.split(' ')),
)
