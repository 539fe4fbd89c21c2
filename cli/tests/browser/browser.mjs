// A browser, and pages of consoles in it.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
export const VIEWS = ['mesh', 'methods', 'streams', 'events', 'checks', 'tap', 'call'];

export let browser;

export async function launch() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
}

export const view = (page, name) => page.locator(`#tab-${name}`).click();

/** Opens a page, and fails the test if the page breaks its own policy or throws. */
export async function open(address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  // Only for tests that fail: axe alone takes minutes on a machine that is busy with something else.
  page.setDefaultTimeout(180_000);
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    // A console that is not there, or does not call, answers with a status that the browser reports.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) page.problems.push(message.text());
  });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`));
  });
  await page.goto(address);
  await page.waitForFunction(() => Number(document.body.dataset.updates) > 1);
  return page;
}

export async function close(page) {
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

const updates = (page) => page.evaluate(() => Number(document.body.dataset.updates));

export async function afterUpdates(page, count) {
  const until = await updates(page) + count;
  await page.waitForFunction((least) => Number(document.body.dataset.updates) >= least, until, { timeout: 90_000 });
}
