// What `grid check` finds.

import { command, find, rows } from './dom.js';
import { short } from './format.js';

export function draw(state) {
  rows(find('#checks table'), state.findings, [
    ['', (of) => ({ text: of.severity, tone: of.severity === 'critical' ? 'bad' : 'fair' })],
    ['', (of) => short(of.node)],
    ['', (of) => of.what],
    ['', (of) => of.text],
  ]);
  command('checks', ['--node', state.entry, 'check']);
}
