// Single streams, those that wait first, and all links with their queues.

import { command, element, find, rows, setText } from './dom.js';
import { bytes, duration, short, time } from './format.js';

/** Rows that a browser shows without a pause. The filter finds the others. */
const ROWS_MAX = 250;

export const start = (draw) => find('#links-filter').addEventListener('input', draw);

const isUp = (link) => link.state === 'connected' || link.state === 'draining';
const urgency = (link) => (isUp(link) ? 0 : 2) + (link.stalls_recent > 0 ? 1 : 0);

export function draw(state) {
  waits(state);
  streams(state);
  const wanted = find('#links-filter').value.trim();
  const links = state.links.filter((link) => link.kind !== 'self' && `${link.node} ${link.peer} ${link.state}`.includes(wanted));
  // The order of the state is by name, and sorting keeps it.
  links.sort((one, other) => urgency(other) - urgency(one));
  const left = links.length - ROWS_MAX;
  setText(find('#links-left'), left > 0 ? `${ROWS_MAX} of ${links.length} links` : `${links.length} links`);
  rows(find('#links table'), links.slice(0, ROWS_MAX), [
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
  command('links', ['--node', state.entry, 'links', '--all']);
}

/** The words of a stream, as an operator reads them. */
const SLOW = {
  reader_at_peer: (stream) => `${stream.is_served ? 'caller' : 'handler'} at ${short(stream.peer)}`,
  reader_here: (stream, node) => `${stream.is_served ? 'handler' : 'caller'} at ${short(node)}`,
  socket: (stream) => `socket to ${short(stream.peer)}`,
  opening: (stream) => `opening at ${short(stream.peer)}`,
};

/** What may still be sent: items if they are limited, and bytes if only they are, or if none are left. */
function left(window) {
  if (!window) return '';
  const of = (value, most, shown) => (most === null ? shown(value) : `${shown(value)}/${shown(most)}`);
  const items = window.items === null ? [] : [of(window.items, window.items_max, String)];
  const isShown = window.bytes !== null && (items.length === 0 || window.bytes === 0);
  return [...items, ...(isShown ? [of(window.bytes, window.bytes_max, bytes)] : [])].join(', ');
}

function slow(row) {
  const who = row.waits_for.map((word) => (Object.hasOwn(SLOW, word) ? SLOW[word](row, row.node) : word)).join(', ');
  return row.waits_ms === null ? who : `${who}, for ${duration(row.waits_ms * 1000)} or longer`;
}

function streams(state) {
  // Recordings of earlier versions have none.
  rows(find('#single-streams'), state.streams ?? [], [
    ['name', (row) => short(row.node)],
    ['arrow', (row) => (row.is_served ? '←' : '→')],
    ['name', (row) => short(row.peer)],
    ['name', (row) => row.method],
    ['number wide', (row) => (row.age_ms === null ? '' : duration(row.age_ms * 1000))],
    ['number', (row) => left(row.sends)],
    ['number', (row) => left(row.receives)],
    ['number wide', (row) => (row.receives?.unread > 0 ? String(row.receives.unread) : '')],
    ['name', (row) => ({ text: slow(row), tone: row.waits_for.length > 0 ? 'bad' : '' })],
  ]);
  command('streams', ['--node', state.entry, 'streams', '--all']);
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
