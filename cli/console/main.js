// The page: follows the states of the grid, and shows the view that is open.

import { find, setText } from './dom.js';
import { amount, counted, iso, time } from './format.js';
import { follow } from './net.js';
import * as tabs from './tabs.js';
import * as mesh from './mesh.js';
import * as methods from './methods.js';
import * as streams from './links.js';
import * as events from './events.js';
import * as checks from './checks.js';
import * as tap from './tap.js';
import * as call from './call.js';

const views = { mesh, methods, streams, events, checks, tap, call };
let state = null;
let latest = null;
let isPaused = false;
let states = new Map();

function draw() {
  if (!state) return;
  document.body.dataset.updates = Number(document.body.dataset.updates ?? 0) + 1;
  views[tabs.shown()].draw(state);
}

function summarise() {
  const up = state.nodes.filter((node) => node.state === 'up').length;
  const sum = (key) => amount(state.nodes.reduce((total, node) => total + node[key], 0));
  const critical = state.findings.filter((of) => of.severity === 'critical').length;
  setText(find('#summary'), `${up} of ${counted(state.nodes.length, 'node')} up · ${sum('served_per_s')} calls/s · ${sum('failed_per_s')} failed/s`);
  const found = find('#found');
  // Findings are some seconds older than the nodes.
  const lost = state.nodes.filter((node) => node.state === 'lost').length;
  const none = lost > 0 ? `${counted(lost, 'node')} lost` : 'all is well';
  found.className = critical + lost > 0 ? 'bad' : state.findings.length > 0 ? 'fair' : 'good';
  setText(found, state.findings.length === 0 ? none : `${counted(state.findings.length, 'finding')}, ${critical} critical`);
}

/** Says which nodes are lost and which are back: the colours alone would not be heard. */
function announce() {
  const changed = state.nodes.filter((node) => states.has(node.name) && states.get(node.name) !== node.state);
  if (changed.length > 0) {
    setText(find('#announce'), changed.map((node) => (node.state === 'up' ? `${node.name} is up` : `${node.name} is lost: ${node.reason}`)).join('. '));
  }
  states = new Map(state.nodes.map((node) => [node.name, node.state]));
}

function badge(name, text) {
  find('#source').dataset.state = name;
  setText(find('#source'), text);
}

function receive(next) {
  latest = next;
  setText(find('#stale'), '');
  document.body.classList.remove('stale');
  badge(next.source, next.source === 'replay' ? `recorded ${iso(next.at_unix_ms)?.slice(0, 19)}Z` : next.source);
  if (!isPaused) update();
}

function update() {
  state = latest;
  summarise();
  announce();
  draw();
}

find('#pause').addEventListener('click', ({ target }) => {
  isPaused = !isPaused;
  target.setAttribute('aria-pressed', isPaused);
  setText(target, isPaused ? 'Continue' : 'Pause');
  if (!isPaused && latest && latest !== state) update();
});
for (const view of Object.values(views)) view.start?.(draw);
tabs.onShow(draw);
tabs.start();

/** The console is gone: what is shown is old, and says so. */
function lose(why) {
  badge('off', 'not connected');
  document.body.classList.add('stale');
  setText(find('#stale'), `The console does not answer: ${why}. ${latest ? `What is shown is from ${time(latest.at_unix_ms).slice(0, 8)} UTC.` : ''}`);
}

/** A hidden page needs no states, and a browser has few connections to one host for all its tabs. */
let end = null;
function watch() {
  if (document.hidden) {
    end?.();
    end = null;
  } else {
    end ??= follow('/api/live', receive, lose);
  }
}
document.addEventListener('visibilitychange', watch);
watch();
