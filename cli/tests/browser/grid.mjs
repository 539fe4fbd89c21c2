// Five nodes under load, and consoles. All of them end with the test.

import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const OPERATORS = 'for-operators-only';
const running = new Set();

export const environment = { ...process.env, GRID_SECRET: OPERATORS };

function start(program, args, env, stdout = 'ignore') {
  const child = spawn(program, args, { env, stdio: ['ignore', stdout, process.env.TEST_LOG ? 'inherit' : 'ignore'] });
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
}

export function end() {
  for (const child of running) child.kill('SIGKILL');
}
process.on('exit', end);

/** Ports that were free a moment ago. All are open at once, so that they differ. */
async function ports(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.once('listening', resolve); })));
  const free = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
  return free;
}

/** Five nodes, on these ports or on free ones. `kill` and `restart` take the index of one. */
export async function grid(at) {
  const names = (at ?? await ports(5)).map((port) => `http://127.0.0.1:${port}`);
  const env = {
    ...process.env, NODE_SECRET: 'only-for-tests', NODE_OPERATORS_SECRET: OPERATORS, NODE_LOG: 'warn', NODE_HOSTS: names.join(','),
  };
  const run = (name) => start(process.env.NODE, ['--name', name, '--listen', name.slice('http://'.length)], env);
  const nodes = names.map(run);
  const isReady = async (name) => (await fetch(`${name}/readyz`).catch(() => null))?.ok;
  for (const name of names) while (!await isReady(name)) await sleep(100);
  return {
    names,
    kill: (index) => nodes[index].kill('SIGKILL'),
    restart: (index) => { nodes[index] = run(names[index]); },
  };
}

/** Puts and gets items at all nodes until `stop`, of which most have another owner. */
export function load(names, pauseMs = 8) {
  let isOn = true;
  const one = async (name, worker) => {
    for (let number = 0; isOn; number += 1) {
      const url = `${name}/items/${worker}-${number % 100}`;
      await fetch(url, number % 4 === 0 ? { method: 'PUT', body: 'x'.repeat(20 + number % 2000) } : {})
        .then((response) => response.arrayBuffer()).catch(() => sleep(50));
      await sleep(pauseMs);
    }
  };
  const workers = names.flatMap((name) => [1, 2, 3].map((worker) => one(name, worker)));
  return { stop: () => { isOn = false; return Promise.all(workers); } };
}

const consoles = new Map();

export const endConsole = (url) => consoles.get(url).kill('SIGKILL');

/** Starts a console, on a free port or that of `url`, and returns its URL. */
export async function console_(...args) {
  return consoleAt('http://127.0.0.1:0/', ...args);
}

export async function consoleAt(url, ...args) {
  const child = start(process.env.GRID, ['console', '--listen', new URL(url).host, '--json', ...args], environment, 'pipe');
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      if (!text.includes('\n')) return;
      consoles.set(JSON.parse(text).url, child);
      resolve(JSON.parse(text).url);
    });
    child.on('exit', (code) => reject(new Error(`grid console has ended with ${code}: set TEST_LOG=1 to see why`)));
  });
}
