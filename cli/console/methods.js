// The methods of all nodes together.

import { command, find, rows, sparkline } from './dom.js';
import { amount, bytes, duration } from './format.js';

const KEYS = { calls: 'calls_per_s', failed: 'failed_per_s', p99: 'p99_us' };

export const start = (draw) => find('#order').addEventListener('change', draw);

export function draw(state) {
  const key = KEYS[find('#order').value];
  // By name the rows stay where they are.
  const methods = key ? state.methods.toSorted((one, other) => (other[key] ?? 0) - (one[key] ?? 0)) : state.methods;
  rows(find('#methods table'), methods, [
    ['name', (of) => of.method],
    ['number', (of) => amount(of.calls_per_s)],
    ['trend', (cell, of) => { sparkline(cell, of.calls, `calls per second of ${of.method}`); }],
    ['number', (of) => ({ text: amount(of.failed_per_s), tone: of.failed_per_s > 0 ? 'bad' : '' })],
    ['number', (of) => duration(of.p50_us)],
    ['number wide', (of) => duration(of.p90_us)],
    ['number', (of) => duration(of.p99_us)],
    ['trend wide', (cell, of) => { sparkline(cell, of.p99s_us, `p99 of ${of.method} in microseconds`); }],
    ['number wide', (of) => bytes(of.bytes_per_s)],
  ]);
  command('methods', ['--node', state.entry, 'top', '--all', '--once']);
}
