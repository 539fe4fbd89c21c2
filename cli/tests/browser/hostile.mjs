// A console that goes and comes, nodes that tell anything, and words for a shell.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { before, test } from 'node:test';
import { VIEWS, afterUpdates, browser, close, open, view } from './browser.mjs';
import { consoleAt, console_, endConsole } from './grid.mjs';

let demo;

before(async () => { demo = await console_('--demo'); });

test('the page comes back with its console, and asks again for a token that is wrong', async () => {
  const file = `${tmpdir()}/grid-console-token-${process.pid}`;
  const withToken = (token, address) => {
    writeFileSync(file, token);
    return address ? consoleAt(address, '--demo', '--token-file', file) : console_('--demo', '--token-file', file);
  };
  const address = await withToken('the-first-of-the-tokens');
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  const badge = (state) => page.locator(`#source[data-state="${state}"]`).waitFor({ timeout: 90_000 });
  const enter = async (token) => {
    await page.fill('#token', token);
    await page.keyboard.press('Enter');
  };
  // No header can have the second one.
  for (const wrong of ['the-second-of-the-tokens', 'a token \u2026']) {
    await enter(wrong);
    await page.locator('#login-why', { hasText: 'This token is wrong.' }).waitFor();
  }
  await enter('the-first-of-the-tokens');
  await badge('demo');
  endConsole(address);
  await badge('off');
  await page.locator('#stale', { hasText: /does not answer: .* from \d\d:\d\d:\d\d UTC/ }).waitFor();
  await withToken('the-second-of-the-tokens', address);
  await page.locator('#login[open]').waitFor({ timeout: 90_000 });
  await enter('the-second-of-the-tokens');
  await badge('demo');
  assert.equal(await page.locator('#stale').textContent(), '');
  rmSync(file);
  await page.context().close();
});

test('a hidden page receives nothing', async () => {
  const page = await open(demo);
  const hide = (isHidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
  const updates = () => page.evaluate(() => Number(document.body.dataset.updates));
  await hide(true);
  const before = await updates();
  await page.waitForTimeout(2500);
  assert.equal(await updates(), before);
  assert.equal(await page.locator('#source').getAttribute('data-state'), 'demo');
  await hide(false);
  await afterUpdates(page, 2);
  await close(page);
});

test('what a hostile node tells is shown as text, and does not stop the page', async () => {
  const page = await open(demo);
  const bad = '<img src=x onerror=alert(1)>';
  const schema = { type: 'object', properties: { id: { type: 'integer' }, odd: { $ref: 7 } }, required: 'id' };
  const method = (name, schemas) => ({
    name, id: 1, kind: 'single', docs: bad, signature: bad, arguments: [{ name: 'id', type: 'u64' }], schemas,
  });
  const service = { name: '-Bad', methods: [
    method('number'), method('broken', { arguments: ['{'] }), method('odd', { arguments: [JSON.stringify(schema)] }),
  ] };
  const state = await page.evaluate(async () => (await fetch('/api/state')).json());
  const node = { ...state.nodes[0], name: bad, state: 'lost', reason: bad, lost_unix_ms: 1e19, ahead_ms: -9e18, up_ms: 1e19 };
  Object.assign(state, { entry: '-x', allows_calls: true, nodes: [node, ...state.nodes.slice(0, 5)] });
  Object.assign(state.events[0], { at_unix_ms: 1.8e19, kind: 'constructor', text: bad, peer: null });
  state.links = state.links.slice(0, 2);
  Object.assign(state.links[0], { rtt_us: null, text: bad, peer: state.nodes[2].name, node: state.nodes[1].name });
  Object.assign(state.links[1], { rtt_us: null, peer: state.nodes[1].name, node: state.nodes[2].name });
  Object.assign(state.methods[0], { method: bad, p99_us: 1.8e19 });
  state.findings[0].text = bad;
  const asked = [];
  await page.route('**/api/live', (route) => route.fulfill({ contentType: 'text/event-stream', body: `data: ${JSON.stringify(state)}\n\n` }));
  await page.route('**/api/services', (route) => route.fulfill({ json: [{ nodes: [bad], service }] }));
  await page.route('**/api/call', async (route) => {
    asked.push(route.request().postData());
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    await route.fulfill({ json: { answer: '18446744073709551615', took_us: 999_990 } });
  });
  await page.reload();
  await page.waitForFunction(() => Number(document.body.dataset.updates) > 1);
  for (const name of VIEWS) {
    await view(page, name);
    await afterUpdates(page, 1);
  }
  assert.equal(await page.locator('img').count(), 0);
  assert.ok((await page.locator('#checks tbody').textContent()).includes(bad));
  assert.ok(await page.locator('.edge.unmeasured').count() > 0);
  for (const name of ['broken', 'odd', 'number']) {
    await page.selectOption('#call-form [name="method"]', `-Bad/${name}`);
    await page.locator('[name="argument-id"]').waitFor();
  }
  // Larger than a number of JavaScript; and a second click while the first call is in flight.
  await page.fill('[name="argument-id"]', '18446744073709551615');
  await page.locator('#call-form button').dblclick();
  await page.locator('#call-note', { hasText: 'answered after 1.00 s' }).waitFor();
  assert.deepEqual(asked, [`{"node":${JSON.stringify(bad)},"method":"-Bad/number","arguments":18446744073709551615}`]);
  assert.equal(await page.locator('#answer').textContent(), '18446744073709551615');
  await page.fill('[name="argument-id"]', '-5');
  assert.equal(await page.locator('#command-call').textContent(), `grid --node '${bad}' call -- -Bad/number -5`);
  await close(page);
});

test('numbers are rounded as people read them, and a shell reads the words of a command', async () => {
  const page = await open(demo);
  const formats = await page.evaluate(async () => {
    const of = await import('/format.js');
    return [
      ...[999, 999_499, 999_990, 59_990_000, 3_600_000_000, null].map(of.duration), ...[0.4, 59.9, 90_000].map(of.long),
      ...[9.96, 9999.7, 999_990, 2.5e9].map(of.amount), ...[9999, 12_345].map(of.bytes), of.time(1.8e19), of.time(null),
      of.when(1e12, 1e12 + 1000), of.when(1e12, 1e12 + 9e7), of.fitted('grid-3.example.com:9000', 12),
    ];
  });
  assert.deepEqual(formats, [
    '999 µs', '999 ms', '1.00 s', '1 min 0 s', '1 h 0 min', '', '0 s', '59 s', '1 d 1 h', '10', '10.0 k', '1.00 M', '2.50 G', '10.0 kB', '12.3 kB',
    '–', '–', '01:46:40.000', '2001-09-09 01:46:40', 'grid-3…:9000',
  ]);
  const words = ['a b', "it's", '$(id)', '`id`', 'a\u001b[201~\nid\\', "\u202e'\u001b\\x", '', '@file'];
  const quoted = await page.evaluate(async (all) => all.map((await import('/dom.js')).quoted), words);
  assert.ok(quoted.every((word) => /^[ -~]*$/.test(word)), quoted);
  assert.equal(execFileSync('bash', ['-c', `printf '%s|' ${quoted.join(' ')}`], { encoding: 'utf8' }), words.map((word) => `${word}|`).join(''));
  await close(page);
});
