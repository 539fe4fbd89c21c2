// Single calls, while the user asks for them.

import { command, find, rows, setText } from './dom.js';
import { duration, short, time } from './format.js';
import { follow } from './net.js';

const CALLS_MAX = 100;
/** A node that refuses is asked again every second. */
const REFUSED_FOR_MS = 3000;
const form = find('#tap-form');
let entry = '';
let calls = [];
let missed = 0;
let refused = '';
let refusedAt = 0;
let end = null;

export function start() {
  form.addEventListener('input', write);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (end) stop('stopped');
    else begin();
  });
}

export function draw(state) {
  entry = state.entry;
  write();
}

function filter() {
  const fields = new FormData(form);
  const filled = [...fields].map(([name, value]) => [name, value.trim()]).filter(([name, value]) => value !== '' && name !== 'failed');
  return { ...Object.fromEntries(filled), ...(fields.has('failed') ? { failed: true } : {}) };
}

function write() {
  const { method, peer, slower_than: slower, share, failed } = filter();
  const given = [['--peer', peer], ['--slower-than', slower], ['--share', share]].filter(([, value]) => value !== undefined);
  const options = given.flatMap(([name, value]) => (value.startsWith('-') ? [`${name}=${value}`] : [name, value]));
  command('tap', ['--node', entry, 'tap', '--all', ...options, ...(failed ? ['--failed'] : [])], method ? [method] : []);
}

function begin() {
  [calls, missed, refused] = [[], 0, ''];
  show();
  setText(find('button', form), 'Stop');
  setText(find('#tap-note'), 'waiting for calls');
  end = follow(`/api/tap?${new URLSearchParams(filter())}`, (batch) => {
    missed += batch.missed;
    calls = [...batch.calls.toReversed(), ...calls].slice(0, CALLS_MAX);
    if (batch.refused) [refused, refusedAt] = [batch.refused, Date.now()];
    if (Date.now() - refusedAt > REFUSED_FOR_MS) refused = '';
    const left = missed > 0 ? `${missed} more ${missed === 1 ? 'call was' : 'calls were'} left out` : '';
    setText(find('#tap-note'), [refused, left].filter(Boolean).join('; '));
    show();
  }, (why) => {
    stop(why);
    return false;
  });
}

function stop(why) {
  end();
  end = null;
  setText(find('button', form), 'Start');
  setText(find('#tap-note'), why);
}

function show() {
  rows(find('#tap table'), calls, [
    ['time', ({ call }) => time(call.at_unix_ms)],
    ['name wide', ({ node }) => short(node)],
    ['arrow', ({ call }) => (call.is_served ? '←' : '→')],
    ['name wide', ({ call }) => short(call.peer)],
    ['name', ({ call }) => call.method],
    ['number', ({ call }) => duration(call.took_us)],
    ['number wide', ({ call }) => `${call.request_bytes} + ${call.answer_bytes}`],
    ['name', ({ call }) => ({ text: call.error ? `${call.outcome}: ${call.error}` : call.outcome, tone: { __proto__: null, ok: 'good', cancelled: 'fair' }[call.outcome] ?? 'bad' })],
  ]);
}
