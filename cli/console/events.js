// What has happened at all nodes.

import { command, find, rows } from './dom.js';
import { short, when } from './format.js';

const TONES = { __proto__: null, up: 'good', added: 'good', down: 'bad', removed: 'fair', draining: 'fair', lagged: 'fair' };

export const start = (draw) => find('#warnings').addEventListener('change', draw);

export function draw(state) {
  const isOnly = find('#warnings').checked;
  const events = state.events.filter((event) => event.is_warning || !isOnly).toReversed();
  rows(find('#events table'), events, [
    ['time', (event) => when(event.at_unix_ms, state.at_unix_ms)],
    ['', (event) => short(event.node)],
    ['', (event) => ({ text: event.kind, tone: TONES[event.kind] ?? (event.is_warning ? 'fair' : '') })],
    ['', (event) => short(event.peer ?? '')],
    ['', (event) => event.text],
  ]);
  command('events', ['--node', state.entry, 'events', '--all', '--no-follow', '--recent', '256', ...(isOnly ? ['--warnings'] : [])]);
}
