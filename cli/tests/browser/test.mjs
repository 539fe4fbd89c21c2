// The page of `grid console` in a real browser. `run` starts this.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VIEWS, afterUpdates, browser, close, launch, open, view } from './browser.mjs';
import { console_, end, environment, grid, load } from './grid.mjs';
import './hostile.mjs';

const IMAGES = fileURLToPath(new URL('../../../docs/guide/images/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const isPictured = process.argv.includes('--screenshots');

let five;
let url;
let demo;
let traffic;

async function picture(page, name) {
  if (!isPictured) return;
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${IMAGES}${name}.png` });
}

const spot = (page, name) => page.locator(`.spot[data-name="${name}"]`);

before(async () => {
  await launch();
  five = await grid();
  url = await console_('--node', five.names[0], '--allow-calls');
  demo = await console_('--demo');
}, { timeout: 180_000 });

after(async () => {
  await traffic?.stop();
  await browser?.close();
  end();
});

test('five nodes are up, without and with load', async () => {
  const page = await open(url);
  await page.waitForFunction(() => document.querySelectorAll('.spot.up').length === 5);
  await afterUpdates(page, 3);
  await picture(page, 'console-idle');
  traffic = load(five.names);
  await page.waitForFunction(() => document.querySelectorAll('.edge:is(.fast, .fair, .slow)').length === 10);
  await page.waitForFunction(() => [...document.querySelectorAll('.rate')].every((of) => /^[1-9]\S* calls\/s$/.test(of.textContent)));
  await spot(page, five.names[1]).click();
  await page.waitForFunction(() => document.querySelectorAll('#callers tbody tr').length >= 4);
  await page.waitForFunction(() => document.querySelectorAll('#callees tbody tr').length >= 4);
  assert.equal(await page.locator('#command-mesh').textContent(), `grid --node ${five.names[1]} top --once`);
  await view(page, 'methods');
  await page.waitForFunction(() => document.querySelector('#methods tbody')?.textContent.includes('Items/get'));
  await afterUpdates(page, 12);
  await view(page, 'mesh');
  await picture(page, 'console-load');
  await close(page);
});

test('a killed node is red with its reason, and green when it is back', async () => {
  const [page, name] = [await open(url), five.names[2]];
  const one = spot(page, name);
  await one.and(page.locator('.up')).waitFor();
  five.kill(2);
  await one.and(page.locator('.lost')).waitFor({ timeout: 90_000 });
  assert.match(await one.getAttribute('aria-label'), /lost, .*(refused|lost|closed|reset)/i);
  assert.match(await page.locator('#announce').textContent(), new RegExp(`${name} is lost: `));
  await page.waitForFunction(() => document.querySelectorAll('.edge.down').length === 4, null, { timeout: 90_000 });
  await one.click();
  await page.waitForFunction(() => document.querySelector('#one dl').textContent.includes('efused'), null, { timeout: 90_000 });
  assert.match(await page.locator('#found').textContent(), /lost|critical/);
  await picture(page, 'console-dead-node');
  await view(page, 'checks');
  await page.locator('#checks td', { hasText: 'unreachable' }).waitFor({ timeout: 90_000 });
  await view(page, 'events');
  await page.locator('#events td', { hasText: 'down' }).first().waitFor();
  five.restart(2);
  await view(page, 'mesh');
  await one.and(page.locator('.up')).waitFor({ timeout: 90_000 });
  await page.waitForFunction(() => document.querySelectorAll('.edge.down').length === 0, null, { timeout: 90_000 });
  await close(page);
});

test('calls are tapped', async () => {
  const page = await open(`${url}#/tap`);
  await page.fill('[name="method"]', 'Items/get');
  assert.match(await page.locator('#command-tap').textContent(), / tap --all Items\/get$/);
  await page.click('#tap-form button');
  await page.waitForFunction(() => document.querySelectorAll('#tap tbody tr').length >= 20);
  const text = await page.locator('#tap tbody').textContent();
  assert.ok(text.includes('Items/get') && !text.includes('Items/put'), text);
  await page.click('#tap-form button');
  await page.locator('#tap-note', { hasText: 'stopped' }).waitFor();
  await close(page);
});

test('a call is made, and the command makes the same', async () => {
  const page = await open(`${url}#/call`);
  await page.waitForFunction(() => document.querySelectorAll('#call-form [name="method"] option').length >= 2);
  await page.selectOption('#call-form [name="node"]', five.names[3]);
  await page.selectOption('#call-form [name="method"]', 'Items/get');
  await page.fill('[name="argument-key"]', "it's not there");
  await page.click('#call-form button');
  await page.locator('#call-note', { hasText: 'answered' }).waitFor();
  assert.equal(await page.locator('#answer').textContent(), 'null');
  assert.equal(shell(await page.locator('#command-call').textContent()).trim(), 'null');
  await close(page);

  const only = await console_('--node', five.names[0]);
  const reading = await open(`${only}#/call`);
  assert.ok(await reading.locator('#call-form button').isDisabled());
  const status = await reading.evaluate(async () => (
    await fetch('/api/call', { method: 'POST', headers: { 'x-grid-console': '1' }, body: '{}' })).status);
  assert.equal(status, 403);
  await close(reading);
});

/** Runs a command of the page, as a user who has copied it. */
function shell(command) {
  const script = command.replace(/^grid /, '"$GRID" ');
  return execFileSync('sh', ['-c', script], { env: environment, encoding: 'utf8' });
}

test('the command below the links prints the same links', async () => {
  const page = await open(`${url}#/streams`);
  const rows = await page.locator('#links tbody tr').evaluateAll((all) => all.map((row) => [0, 1].map((at) => row.cells[at].textContent)));
  const shown = rows.filter(([, peer]) => !peer.startsWith('guest ')).map((pair) => pair.join(' ')).sort();
  assert.equal(shown.length, 20);
  const printed = shell(await page.locator('#command-links').textContent()).split('\n').slice(1)
    .map((line) => line.split(/\s+/).slice(0, 2)).filter(([node, peer]) => node && five.names.includes(peer))
    .map((pair) => pair.join(' ').replaceAll('http://', '')).sort();
  assert.deepEqual(printed, shown);
  await close(page);
});

test('axe finds nothing, in light and dark', async () => {
  for (const colorScheme of ['light', 'dark']) {
    for (const address of [url, demo]) {
      const page = await open(address, { colorScheme, bypassCSP: true });
      await page.addScriptTag({ content: AXE });
      for (const name of VIEWS) {
        await view(page, name);
        await afterUpdates(page, 1);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map((of) => `${of.id}: ${of.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`);
        assert.deepEqual(found, [], `${colorScheme} ${name}`);
      }
      await page.context().close();
    }
  }
});

test('a narrow screen has no horizontal scroll', async () => {
  for (const address of [url, demo]) {
    const page = await open(address, { viewport: { width: 360, height: 640 } });
    for (const name of VIEWS) {
      await view(page, name);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${name}: ${width}`);
    }
    await close(page);
  }
});

test('fifty nodes stay where they are', async () => {
  const page = await open(demo);
  const places = () => page.locator('.spot > circle:last-of-type').evaluateAll((all) => all.map((circle) => {
    const { x, y, width } = circle.getBoundingClientRect();
    return [x, y, width];
  }));
  const earlier = await places();
  assert.equal(earlier.length, 50);
  await page.evaluate(() => {
    globalThis.shifts = [];
    const names = (entry) => entry.sources.map(({ node }) => node?.outerHTML ?? node?.data).join(' ').slice(0, 300);
    new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map(names))).observe({ type: 'layout-shift' });
  });
  await picture(page, 'console-50-nodes');
  await afterUpdates(page, 10);
  assert.deepEqual(await places(), earlier);
  assert.deepEqual(await page.evaluate(() => globalThis.shifts), []);
  await close(page);
});

test('the keyboard is enough', async () => {
  const page = await open(demo);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.dataset.name);
  await page.keyboard.press('4');
  assert.equal(await focused(), 'tab-events');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-checks');
  await page.keyboard.press('End');
  assert.equal(await focused(), 'tab-call');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'tab-mesh');
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'http://node-01:9000');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await focused(), 'http://node-50:9000');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#node').inputValue(), 'http://node-50:9000');
  assert.ok(await page.locator('#one').isVisible());
  await page.keyboard.press('6');
  await page.keyboard.press('Tab');
  await page.keyboard.type('7');
  assert.equal(await page.inputValue('[name="method"]'), '7');
  await close(page);
});
