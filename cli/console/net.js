// Requests to the console, with its token, and streams of events that are opened again.

import { find, setText } from './dom.js';

const AGAIN_AFTER_MS = 1000;
/** The console sends something at least every ten seconds. */
const SILENT_MAX_MS = 25_000;
let asked = null;

/** A character that no header can have is no part of a token: the console refuses what is left. */
const headers = (token) => (token ? { authorization: `Bearer ${token.replace(/[^!-~]/g, '?')}` } : {});

/** Asks for the token, once at a time. */
function login(why) {
  asked ??= new Promise((resolve) => {
    const dialog = find('#login');
    setText(find('#login-why'), why);
    dialog.showModal();
    find('form', dialog).onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem('token', find('#token').value.trim());
      find('#token').value = '';
      dialog.close();
    };
    dialog.onclose = () => { asked = null; resolve(); };
  });
  return asked;
}

export async function request(path, options = {}) {
  for (;;) {
    const sent = sessionStorage.getItem('token');
    const response = await fetch(path, { ...options, headers: { ...options.headers, ...headers(sent) } });
    if (response.status !== 401) return response;
    // Another request may have asked in the meantime.
    if (sessionStorage.getItem('token') === sent) await login(sent ? 'This token is wrong.' : '');
  }
}

/**
 * Follows a stream of server-sent events. `EventSource` cannot send the token. Returns a function that ends it.
 * `onEnd` is told why it has ended; the stream is opened again unless it returns false.
 */
export function follow(path, onEvent, onEnd) {
  const ending = new AbortController();
  (async () => {
    while (!ending.signal.aborted) {
      let why = 'the console has closed the connection';
      try {
        const response = await request(path, { signal: ending.signal });
        if (response.ok) await read(response.body.getReader(), onEvent);
        else why = await response.text();
      } catch (error) {
        why = String(error.message ?? error);
      }
      if (ending.signal.aborted || onEnd(why) === false) return;
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_AFTER_MS); });
    }
  })();
  return () => ending.abort();
}

/** What is read next. A connection that has died may never tell. */
async function within(time, reader) {
  let timer;
  const silent = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing was received for ${time / 1000} s`)), time);
  });
  try {
    return await Promise.race([reader.read(), silent]);
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function read(reader, onEvent) {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await within(SILENT_MAX_MS, reader);
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const events = text.split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = event.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n');
      if (data) onEvent(JSON.parse(data));
    }
  }
}
