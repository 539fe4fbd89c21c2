// Beside the graph: all nodes, or one with its callers and callees.

import { element, find, rows, setText } from './dom.js';
import { amount, counted, duration, long, short, time, when } from './format.js';

const TONES = { up: 'good', lost: 'bad', connecting: 'fair' };

export function draw(state, chosen, choose) {
  find('#overview').hidden = chosen !== '';
  find('#one').hidden = chosen === '';
  if (chosen === '') all(state, choose);
  else one(state, state.nodes.find((node) => node.name === chosen));
}

function all(state, choose) {
  rows(find('#overview table'), state.nodes, [
    ['', (cell, node) => {
      const button = cell.firstChild ?? cell.appendChild(element('button', { type: 'button' }));
      setText(button, short(node.name));
      button.title = node.name;
      button.onclick = () => choose(node.name);
    }],
    ['state', (node) => ({ text: node.state === 'lost' ? `lost ${time(node.lost_unix_ms).slice(0, 8)}` : node.state, tone: TONES[node.state] })],
    ['number', (node) => amount(node.served_per_s)],
    ['number wide', (node) => amount(node.made_per_s)],
  ]);
}

function one(state, node) {
  const isUp = node.state === 'up';
  const apart = Math.abs(node.ahead_ms);
  const clock = apart < 1000 ? `${apart} ms` : duration(apart * 1000);
  const facts = [
    ['state', node.lost_unix_ms ? `lost at ${when(node.lost_unix_ms, state.at_unix_ms).replace(/\.\d+$/, '')} UTC` : node.state],
    ['reason', node.reason],
    ['version', node.version],
    ['run', node.instance],
    ['up for', isUp ? long(node.up_ms / 1000) : ''],
    ['clock', !isUp ? '' : node.ahead_ms === 0 ? 'as the console' : `${clock} ${node.ahead_ms < 0 ? 'behind' : 'ahead of'} the console`],
    ['guests', isUp ? String(node.guests) : ''],
    ['served', isUp ? `${amount(node.served_per_s)} calls/s, ${amount(node.failed_per_s)} failed/s` : ''],
    ['made', isUp ? `${amount(node.made_per_s)} calls/s` : ''],
  ];
  const list = find('#one dl');
  if (list.children.length === 0) for (const [name] of facts) list.append(element('dt', { textContent: name }), element('dd'));
  facts.forEach(([, text], at) => {
    const [name, value] = [list.children[at * 2], list.children[at * 2 + 1]];
    setText(value, text);
    name.hidden = value.hidden = text === '';
  });
  list.children[1].className = TONES[node.state];
  const left = state.calls_left_out;
  setText(find('#calls-left'), left > 0 ? `${counted(left, 'row')} of less busy methods left out, of all nodes together.` : '');
  for (const [id, isServed] of [['#callers', true], ['#callees', false]]) {
    const calls = state.calls.filter((of) => of.node === node.name && of.is_served === isServed);
    rows(find(id), calls, [
      ['name', (of) => short(of.peer)],
      ['name', (of) => of.method],
      ['number', (of) => ({ text: amount(of.calls_per_s), tone: of.failed_per_s > 0 ? 'bad' : '' })],
      ['number', (of) => duration(of.p99_us)],
    ]);
  }
}
