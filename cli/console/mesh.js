// The nodes on an ellipse, and their links. A place follows from the order of the names alone, so nothing moves.

import { command, find, options, setAttribute, setText, shape } from './dom.js';
import { amount, bytes, duration, fitted, short } from './format.js';
import * as node from './node.js';

const graph = find('#graph');
const MANY = 13;
/** From here on, names do not fit. The list has them, and so has each node for the pointer. */
const CROWD = 73;
/** Characters of a name beside a node. The ends of a longer one are shown. */
const NAME_MAX = 20;
const NARROW_NAME_MAX = 15;
const narrow = matchMedia('(max-width: 640px)');
/** Links that need a look are drawn above the others. */
const layers = { quiet: shape('g'), loud: shape('g') };
const spots = new Map();
const edges = new Map();
let names = [];
let chosen = '';
let again = () => {};

export function start(draw) {
  again = draw;
  narrow.addEventListener('change', () => { names = []; again(); });
  find('#node').addEventListener('change', (event) => choose(event.target.value));
  graph.addEventListener('keydown', (event) => {
    const at = names.indexOf(document.activeElement?.dataset?.name);
    if (at < 0) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      focus(names.at((at + step) % names.length));
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose(names[at] === chosen ? '' : names[at]);
    }
  });
}

export function choose(name) {
  chosen = name;
  find('#node').value = name;
  again();
}

function focus(name) {
  for (const [of, spot] of spots) spot.group.setAttribute('tabindex', of === name ? 0 : -1);
  spots.get(name).group.focus();
}

export function draw(state) {
  const now = state.nodes.map((of) => of.name);
  if (now.join('\n') !== names.join('\n')) place(now);
  if (!names.includes(chosen)) chosen = '';
  options(find('#node'), [['', 'all nodes'], ...names.map((name) => [name, short(name)])]);
  if (find('#node').value !== chosen) find('#node').value = chosen;
  graph.classList.toggle('chosen', chosen !== '');
  for (const of of state.nodes) drawSpot(of);
  drawEdges(state);
  node.draw(state, chosen, choose);
  command('mesh', ['--node', chosen || state.entry, ...(chosen ? ['top', '--once'] : ['ping', '--all'])]);
}

function place(now) {
  names = now;
  const isMany = names.length >= MANY;
  // Beside many nodes, there is as much room as the longest name needs.
  const longest = Math.max(0, ...names.map((name) => Math.min(short(name).length, NAME_MAX)));
  const room = names.length < CROWD ? 60 + longest * 12 : 60;
  const [width, height, across, up] = isMany ? (narrow.matches ? [1000, 1000, 480, 480] : [1640, 1180, 820 - room, 590 - room])
    : narrow.matches ? [760, 800, 275, 330] : [1200, 830, 390, 340];
  setAttribute(graph, 'viewBox', `0 0 ${width} ${height}`);
  graph.classList.toggle('many', isMany);
  graph.classList.toggle('crowd', names.length >= CROWD);
  graph.replaceChildren();
  layers.quiet.replaceChildren();
  layers.loud.replaceChildren();
  edges.clear();
  spots.clear();
  const turns = places(names.length, isMany ? across : 1, isMany ? up : 1);
  // A few nodes, such as three, do not reach all sides: they are moved to the middle.
  const sines = turns.map(Math.sin);
  const middle = isMany ? 0 : (Math.max(...sines) + Math.min(...sines)) / 2;
  const size = isMany ? Math.min(12, (0.4 * Math.PI * (across + up)) / names.length) : 24;
  names.forEach((name, index) => {
    const [x, y] = [width / 2 + across * Math.cos(turns[index]), height / 2 + up * (sines[index] - middle)];
    // Names of many nodes point away from the ellipse.
    const away = isMany ? Math.atan2(Math.sin(turns[index]) * across, Math.cos(turns[index]) * up) : turns[index];
    spots.set(name, spot(name, x, y, away, isMany, index === 0, size));
  });
  graph.append(layers.quiet, layers.loud, ...[...spots.values()].map((of) => of.group));
}

/** Angles from the top on, with the same way between two neighbours along the ellipse. */
function places(count, across, up) {
  const steps = 3600;
  const angle = (step) => (step / steps) * 2 * Math.PI - Math.PI / 2;
  const ways = [0];
  for (let step = 1; step <= steps; step += 1) {
    const at = angle(step - 0.5);
    ways.push(ways.at(-1) + Math.hypot(across * Math.sin(at), up * Math.cos(at)));
  }
  let step = 0;
  return Array.from({ length: count }, (_, index) => {
    while (ways[step] < (index / count) * ways[steps]) step += 1;
    return angle(step);
  });
}

function spot(name, x, y, turn, isMany, isFirst, size) {
  const group = shape('g', { class: 'spot', role: 'button', tabindex: isFirst ? 0 : -1, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` });
  group.dataset.name = name;
  const isLeft = Math.cos(turn) < -0.01;
  // On a narrow screen there is no room beside a node.
  const isMiddle = !isMany && (narrow.matches || Math.abs(Math.cos(turn)) < 0.01);
  const away = size + 12;
  const label = shape('text', { 'text-anchor': isMiddle ? 'middle' : isLeft ? 'end' : 'start' });
  const rate = shape('text', { class: 'rate', 'text-anchor': label.getAttribute('text-anchor') });
  if (isMany) {
    const degrees = (turn * 180) / Math.PI + (isLeft ? 180 : 0);
    label.setAttribute('transform', `rotate(${degrees.toFixed(1)}) translate(${isLeft ? -away : away} 5)`);
  } else {
    const dx = isMiddle ? 0 : isLeft ? -away : away;
    const dy = isMiddle ? (Math.sin(turn) < 0 ? -away - 20 : away + 16) : 0;
    label.setAttribute('transform', `translate(${dx} ${dy})`);
    rate.setAttribute('transform', `translate(${dx} ${dy + 20})`);
  }
  const mark = shape('text', { class: 'mark', y: isMany ? 5 : 7, 'aria-hidden': true });
  label.textContent = fitted(short(name), narrow.matches && !isMany ? NARROW_NAME_MAX : NAME_MAX);
  const title = shape('title');
  title.textContent = name;
  group.append(title, shape('circle', { class: 'ring', r: size + 5 }), shape('circle', { r: size }), mark, label);
  // The space is between the words for those who hear them.
  if (!isMany) group.append(' ', rate);
  group.addEventListener('click', () => choose(name === chosen ? '' : name));
  return { group, mark, rate, x, y };
}

function drawSpot(of) {
  const { group, mark, rate } = spots.get(of.name);
  setAttribute(group, 'class', `spot ${of.state}`);
  setAttribute(group, 'aria-pressed', of.name === chosen);
  setText(mark, of.state === 'lost' ? '✕' : '');
  setText(rate, of.state === 'up' ? `${amount(of.served_per_s)} calls/s` : of.state);
  // What is seen is a part of what is heard.
  const seen = rate.isConnected ? rate.textContent : of.state;
  setAttribute(group, 'aria-label', `${short(of.name)} ${seen}${of.reason ? `, ${of.reason}` : ''}`);
}

/** Both ends of a pair: the worse state, the longer round trip. */
function pairs(state) {
  const pairs = new Map();
  for (const link of state.links) {
    if (link.kind !== 'node' || !spots.has(link.node) || !spots.has(link.peer)) continue;
    const key = [link.node, link.peer].sort().join(' ');
    const pair = pairs.get(key) ?? { ends: [link.node, link.peer], isDown: false, isDraining: false, rtt: null, bytes: 0, text: '' };
    const isUp = link.state === 'connected' || link.state === 'draining';
    pair.isDown ||= !isUp;
    pair.isDraining ||= link.state === 'draining';
    // Null until the first ping has been answered.
    if (link.rtt_us !== null) pair.rtt = Math.max(pair.rtt ?? 0, link.rtt_us);
    pair.bytes = Math.max(pair.bytes, link.bytes_per_s);
    if (!isUp) pair.text = link.text;
    pairs.set(key, pair);
  }
  return pairs;
}

function tone(pair) {
  if (pair.isDown) return 'down';
  if (pair.isDraining) return 'draining';
  if (pair.rtt === null) return 'unmeasured';
  return pair.rtt < 1000 ? 'fast' : pair.rtt < 10000 ? 'fair' : 'slow';
}

function drawEdges(state) {
  const all = pairs(state);
  for (const [key, line] of edges) {
    if (!all.has(key)) {
      line.remove();
      edges.delete(key);
    }
  }
  for (const [key, pair] of all) {
    const [from, to] = pair.ends.map((name) => spots.get(name));
    if (!edges.has(key)) {
      const line = shape('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y });
      line.append(shape('title'));
      edges.set(key, line);
    }
    const line = edges.get(key);
    const [isNear, colour] = [pair.ends.includes(chosen), tone(pair)];
    setAttribute(line, 'class', `edge ${colour}${isNear ? ' near' : ''}`);
    const layer = isNear || colour === 'down' || colour === 'slow' ? layers.loud : layers.quiet;
    if (line.parentNode !== layer) layer.append(line);
    // From a thin line to one of twelve units at 10 MB/s; a third of that where a thousand lines cross.
    const width = 1.5 + Math.max(0, Math.log10(1 + pair.bytes) - 1) * 1.75;
    // One that is down has no traffic, and is to be seen.
    const least = pair.isDown ? 3 : 0;
    setAttribute(line, 'stroke-width', Math.max(least, width / (names.length < MANY ? 1 : isNear ? 2 : 3)).toFixed(1));
    const rtt = pair.rtt === null ? 'not measured' : duration(pair.rtt);
    setText(line.firstChild, `${pair.ends.map(short).join(' – ')}: ${pair.isDown ? pair.text : `${rtt}, ${bytes(pair.bytes)}/s`}`);
  }
}
