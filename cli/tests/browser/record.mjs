// Writes docs/guide/recording.md: what each command prints at five nodes under load, and pictures of `grid top`.
// `run --record` starts this. Needs tmux, as the terminal of `grid top`.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { end, environment, grid, load } from './grid.mjs';

const GUIDE = fileURLToPath(new URL('../../../docs/guide/', import.meta.url));
const LINES_MAX = 22;
const PORTS = [9001, 9002, 9003, 9004, 9005];

const five = await grid(PORTS);
const folder = mkdtempSync(join(tmpdir(), 'grid-recording-'));
writeFileSync(join(folder, 'secret'), environment.GRID_SECRET);
const { GRID_SECRET: _, ...others } = environment;
const env = {
  ...others,
  GRID_SECRET_FILE: 'secret',
  GRID_NODE: five.names[0],
  GRID_CONTEXTS: join(folder, 'contexts.json'),
  PATH: dirname(process.env.GRID) + delimiter + process.env.PATH,
};
const traffic = load(five.names);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--headless', '--no-sandbox'] });

const text = [];

/** Adds what a line of the shell prints, and its exit code if that is not 0. */
async function record(line) {
  const [code, output] = await new Promise((resolve) => {
    execFile('bash', ['-c', `exec 2>&1; ${line}`], { env, cwd: folder, timeout: 60_000 }, (error, stdout) => resolve([error?.code ?? 0, stdout]));
  });
  const lines = output.split('\n').map((shown) => shown.trimEnd()).filter(Boolean);
  const left = lines.length - LINES_MAX;
  const shown = left > 1 ? [...lines.slice(0, LINES_MAX), `… ${left} more lines`] : lines;
  text.push(['```console', `$ ${line}`, ...shown, ...(code ? [`(exit code ${code})`] : []), '```\n\n'].join('\n'));
}

async function section(title, ...lines) {
  text.push(`## ${title}\n\n`);
  for (const line of lines) await record(line);
}

const COLORS = ['#1b211d', '#c1121f', '#1e7a45', '#8a6100', '#1758a8', '#8a3ea8', '#0e7a7a', '#55605a'];

/** The screen of a terminal, with its colours, as HTML. */
function html(screen) {
  const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  let style = {};
  const spans = screen.split(/\x1b\[([\d;]*)m/).map((part, index) => {
    if (index % 2 === 0) {
      const css = [
        style.color && `color:${style.color}`, style.bold && 'font-weight:700', style.dim && 'opacity:.65',
      ];
      return `<span style="${css.filter(Boolean).join(';')}">${escape(part)}</span>`;
    }
    // Colours as `38;5;9`, before other numbers are read.
    const rest = part.replace(/38;5;(\d+)/, (_, color) => { style = { ...style, color: COLORS[color % 8] }; return ''; });
    for (const code of rest.split(';').filter(Boolean).map(Number)) {
      if (code === 0) style = {};
      else if (code === 1) style.bold = true;
      else if (code === 2) style.dim = true;
      else if (code >= 30 && code <= 37) style.color = COLORS[code - 30];
      else if (code === 39) style.color = undefined;
    }
    if (part === '') style = {};
    return '';
  });
  return `<pre style="display:inline-block;margin:0;padding:12px;font:14px/1.3 monospace;background:#fff;color:#1b211d">${spans.join('')}</pre>`;
}

/** A picture of `grid top --all` on a terminal, some seconds after it was started. */
async function top(name) {
  const tmux = (...args) => execFileSync('tmux', ['-L', `grid-recording-${process.pid}`, ...args], { env, cwd: folder, encoding: 'utf8' });
  tmux('-f', '/dev/null', 'new-session', '-d', '-x', '120', '-y', '32', 'grid top --all');
  await sleep(6000);
  const screen = tmux('capture-pane', '-e', '-p').trimEnd();
  tmux('kill-server');
  const page = await browser.newPage({ deviceScaleFactor: 1.5 });
  await page.setContent(html(screen));
  await page.locator('pre').screenshot({ path: `${GUIDE}images/${name}.png` });
  await page.close();
}

text.push(`# Every command, recorded

This page is written by a script, \`cli/tests/browser/run --record\`.
It starts five nodes of the example \`node\`, puts and gets items at all of them, and runs each command.
The node and the file with the secret of operators are in the variables GRID_NODE and GRID_SECRET_FILE; long outputs are cut.
[From the shell](command.md) explains the commands.

`);
// Until each link has measured its round trip.
await sleep(15_000);
await section('Services and calls', 'grid ls', 'grid ls --all --services', 'grid describe Items/get',
  `grid call Items/put '{"key": "a", "value": "text:hello"}'`, `grid call Items/get '"a"'`,
  `grid call Items/put '{"key": "a"}'`, `grid call Items/put '{"key": 7, "value": "text:hello"}'`, 'grid call Items/gett',
  'grid stream grid.Admin/events 2 --take 2');
await section('Round trips', 'grid ping --count 3', 'grid ping --all');
await section('Speed', `grid bench Items/get '"a"' --concurrency 16 --for 2s --save first.json`,
  `grid bench Items/get '"a"' --concurrency 16 --for 2s --compare first.json`);
await section('Links and streams', 'grid links', 'grid streams --all');
await section('Methods', 'grid top --once', 'grid top --once --all');
text.push('On a terminal, it is live:\n\n![grid top --all on a terminal: methods with rates and percentiles, and links.](images/top.png)\n\n');
await top('top');
await section('Single calls', 'grid tap --take 8', 'grid tap --all --slower-than 500us --take 4');
await section('The log', 'grid log --all', 'grid log info', 'grid log warn');
await section('Events and checks', 'grid events --no-follow --recent 4', 'grid check');
five.kill(4);
await sleep(3000);
await section('A node is killed', 'grid check', 'grid events --no-follow --recent 2', 'grid ping --all');
text.push('![grid top --all with a lost node: its links are red.](images/top-dead-node.png)\n\n');
await top('top-dead-node');
await section('A report of a fault', 'grid gather report.tar.gz && tar tzf report.tar.gz');
await section('The console', 'grid console --record state.json && head -c 200 state.json');
await section('The command itself', 'grid context save tries && grid context', 'grid completion bash | head -n 5',
  'mkdir man && grid man man && ls man | head -n 4', 'grid --version');
const page = text.join('').replaceAll(folder, '/home/ann');
writeFileSync(`${GUIDE}recording.md`, `${page.trimEnd()}\n`);

await traffic.stop();
await browser.close();
end();
rmSync(folder, { recursive: true });
process.exit();
