// Streams that wait, and all links with their queues.

import { command, element, find, rows, setText } from './dom.js';
import { bytes, duration, short, time } from './format.js';

/** Rows that a browser shows without a pause. The filter finds the others. */
const ROWS_MAX = 250;

export const start = (draw) => find('#links-filter').addEventListener('input', draw);

const isUp = (link) => link.state === 'connected' || link.state === 'draining';
const urgency = (link) => (isUp(link) ? 0 : 2) + (link.stalls_recent > 0 ? 1 : 0);

export function draw(state) {
  waits(state);
  const wanted = find('#links-filter').value.trim();
  const links = state.links.filter((link) => link.kind !== 'self' && `${link.node} ${link.peer} ${link.state}`.includes(wanted));
  // The order of the state is by name, and sorting keeps it.
  links.sort((one, other) => urgency(other) - urgency(one));
  const left = links.length - ROWS_MAX;
  setText(find('#links-left'), left > 0 ? `${ROWS_MAX} of ${links.length} links` : `${links.length} links`);
  rows(find('#streams table'), links.slice(0, ROWS_MAX), [
    ['name', (link) => short(link.node)],
    ['name', (link) => (link.kind === 'guest' ? `guest ${link.peer}` : short(link.peer))],
    ['name', (link) => ({ text: isUp(link) ? link.state : link.text, tone: link.state === 'connected' ? 'good' : isUp(link) ? 'fair' : 'bad' })],
    ['number', (link) => duration(link.rtt_us)],
    ['number', (link) => String(link.in_flight_in + link.in_flight_out)],
    ['number wide', (link) => bytes(link.queued_bytes)],
    ['number wide', (link) => bytes(link.held_bytes)],
    ['number', (link) => ({ text: String(link.stalls), tone: link.stalls_recent > 0 ? 'bad' : '' })],
    ['number wide', (link) => bytes(link.bytes_per_s)],
  ]);
  command('streams', ['--node', state.entry, 'links', '--all']);
}

function waits(state) {
  const stalled = state.links.filter((link) => link.stalls_recent > 0).map((link) => (
    `${short(link.node)} waits for readers at ${short(link.peer)}: ${link.stalls_recent} times in the last minute, ${link.in_flight_in + link.in_flight_out} in flight`
  ));
  const warned = state.events.filter((event) => event.kind === 'slow_reader').slice(-20).reverse()
    .map((event) => `${time(event.at_unix_ms).slice(0, 8)}  ${short(event.node)}: ${event.text}`);
  const lines = [...stalled, ...warned];
  const list = find('#waits');
  while (list.children.length > lines.length) list.lastChild.remove();
  lines.forEach((line, at) => setText(list.children[at] ?? list.appendChild(element('li')), line));
  list.parentElement.querySelector('.empty').hidden = lines.length > 0;
}
