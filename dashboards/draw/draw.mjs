// Draws each dashboard to a picture: node draw.mjs DATA FOLDER
//
// DATA is what the test of the queries wrote. The panels are those of Grafana's own library, drawn by a Chromium
// without a window; there is no Grafana server, so these are not screenshots of Grafana.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const NAMES = ['overview', 'verification-and-abuse', 'delivery', 'sidecar-and-state'];
const CAPTION = 'drawn with the panel library of Grafana 13.2 from a test run, two replicas, a second between scrapes';

const [data, folder] = process.argv.slice(2);
const here = (name) => new URL(name, import.meta.url).pathname;

async function bundle(folder) {
  await build({
    entryPoints: [here('page.tsx')],
    bundle: true,
    minify: true,
    outdir: folder,
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.png': 'dataurl' },
    logLevel: 'error',
  });
}

function chromium() {
  const known = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean);
  for (const name of known) {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return name;
    } catch {
      // The next one.
    }
  }
  throw new Error('no Chromium was found: install it, or name it in CHROMIUM');
}

function page(drawing) {
  // A text inside of a script element must not end it.
  const json = JSON.stringify(drawing).replaceAll('</', '<\\/');
  return `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css">
<style>body { margin: 0; background: #111217; }</style>
<div id="root"></div><script type="application/json" id="drawing">${json}</script><script src="page.js"></script>`;
}

const { from, to, dashboards } = JSON.parse(readFileSync(data, 'utf8'));
const scratch = mkdtempSync(join(tmpdir(), 'dashboards-'));
try {
  await bundle(scratch);
  cpSync(here('node_modules/@grafana/ui/dist/public'), join(scratch, 'public/build'), { recursive: true });
  for (const name of NAMES) {
    const dashboard = JSON.parse(readFileSync(here(`../${name}.json`), 'utf8'));
    const answers = dashboards.find((one) => one.uid === dashboard.uid);
    const lines = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    const source = join(scratch, `${name}.html`);
    const target = join(folder, `${name}.png`);
    writeFileSync(source, page({ dashboard, answers, from, to, caption: CAPTION }));
    const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const options = ['--headless', '--hide-scrollbars', '--allow-file-access-from-files', '--disable-gpu', ...(process.env.DRAW_DEBUG ? ['--enable-logging=stderr', '--v=0'] : []), `--window-size=1600,${92 + lines * 38 + 8}`];
    execFileSync(
      chromium(),
      [...options, ...sandbox, '--virtual-time-budget=8000', `--user-data-dir=${scratch}/profile`, `--screenshot=${target}`, `file://${source}`],
      { stdio: process.env.DRAW_DEBUG ? 'inherit' : 'ignore' }
    );
    console.log(target);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
