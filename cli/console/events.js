// What has happened at all nodes.

import { command, find, rows } from './dom.js';
import { short, time } from './format.js';

const TONES = { up: 'good', added: 'good', down: 'bad', removed: 'fair', draining: 'fair', lagged: 'fair' };

export const start = (draw) => find('#warnings').addEventListener('change', draw);

export function draw(state) {
  const isOnly = find('#warnings').checked;
  const events = state.events.filter((event) => event.is_warning || !isOnly).toReversed();
  rows(find('#events table'), events, [
    ['time', (event) => time(event.at_unix_ms)],
    ['', (event) => short(event.node)],
    ['', (event) => ({ text: event.kind, tone: event.is_warning ? 'bad' : TONES[event.kind] })],
    ['', (event) => short(event.peer ?? '')],
    ['', (event) => event.text],
  ]);
  command('events', ['--node', state.entry, 'events', '--all', '--no-follow', '--recent', '256', ...(isOnly ? ['--warnings'] : [])]);
}
