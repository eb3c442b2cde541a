export function markup(style: string, script: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Quaymaster</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6' fill='%230e7490'/%3E%3C/svg%3E">
<style>${style}</style>
</head>
<body>
<header>
  <h1>Quaymaster <small id="version"></small></h1>
  <p id="summary" role="status"></p>
  <p id="link" class="link"></p>
</header>
<main>
  <form id="door" hidden>
    <label for="token">Token</label>
    <p id="hint">Shown when the gateway starts; <code>quaymaster token</code> prints it again. It stays in this tab.</p>
    <input id="token" type="password" autocomplete="current-password" spellcheck="false" required aria-describedby="hint trouble">
    <button type="submit">Open</button>
    <p id="trouble" class="trouble" role="alert"></p>
  </form>
  <div id="inside" hidden>
    <p id="word" class="trouble" role="alert"></p>
    <div class="scroll" tabindex="0" role="region" aria-label="Apps">
      <table>
        <caption>Apps</caption>
        <thead>
          <tr>
            <th scope="col">App</th><th scope="col">State</th><th scope="col">Instances</th>
            <th scope="col" class="number">Uptime</th><th scope="col" class="number">Falls</th>
            <th scope="col">Version</th><th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody id="apps"></tbody>
      </table>
    </div>
    <section aria-labelledby="output">
      <div class="bar">
        <h2 id="output">Output</h2>
        <label>of <select id="which"><option value="">all apps</option></select></label>
        <button type="button" id="clear">Clear</button>
      </div>
      <div id="log" class="log" role="log" aria-live="off" aria-labelledby="output" tabindex="0"></div>
    </section>
  </div>
  <noscript><p>This page needs JavaScript. <code>quaymaster status</code> tells the same in a terminal.</p></noscript>
</main>
<script>${script}</script>
</body>
</html>
`
}
