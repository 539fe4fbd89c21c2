// Requests to the console, with its token, and streams of events that are opened again.

import { find } from './dom.js';

const AGAIN_AFTER_MS = 1000;
let asked = null;

function headers() {
  const token = sessionStorage.getItem('token');
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Asks for the token, once at a time. */
function login() {
  asked ??= new Promise((resolve) => {
    const dialog = find('#login');
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
    const response = await fetch(path, { ...options, headers: { ...options.headers, ...headers() } });
    if (response.status !== 401) return response;
    await login();
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

async function read(reader, onEvent) {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
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
