// A form for a single request, made from the schemas of its arguments, or from their types where there are none.

import { command, element, find, options, setText } from './dom.js';
import { duration, short } from './format.js';
import { request } from './net.js';

/** Objects within objects that have fields of their own; deeper ones are written as JSON. */
const DEPTH_MAX = 3;
const form = find('#call-form');
const fields = find('#call-fields');
let services = [];
let read = () => undefined;
let entry = '';
let allows = false;
let loadedFor = '';
let isCalling = false;

export function start() {
  form.elements.node.addEventListener('change', methods);
  form.elements.method.addEventListener('change', build);
  fields.addEventListener('input', write);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (allows && !isCalling) call();
  });
}

export function draw(state) {
  [entry, allows] = [state.entry, state.allows_calls];
  find('button', form).disabled = !allows || isCalling;
  setText(find('#call-reads'), allows ? '' : 'The console only reads: start it with --allow-calls to call from here. The command below works in any case.');
  // Services change only with a new run of a node.
  const runs = state.nodes.map((node) => `${node.name} ${node.state} ${node.instance}`).join('\n');
  if (runs !== loadedFor) {
    loadedFor = runs;
    load();
  }
}

async function load() {
  const wanted = loadedFor;
  try {
    const response = await request('/api/services');
    if (!response.ok) throw new Error(await response.text());
    const loaded = await response.json();
    // A later answer may have come already.
    if (wanted !== loadedFor) return;
    services = loaded;
  } catch {
    // The next state tries again.
    if (wanted === loadedFor) loadedFor = '';
    return;
  }
  const nodes = [...new Set(services.flatMap((of) => of.nodes))].sort();
  options(form.elements.node, nodes.map((name) => [name, short(name)]));
  methods();
}

function methods() {
  const of = services.filter(({ nodes }) => nodes.includes(form.elements.node.value));
  const names = of.flatMap(({ service }) => {
    const instance = service.subroute ? `${service.subroute}:${service.name}` : service.name;
    return service.methods.filter((method) => method.kind === 'single').map((method) => `${instance}/${method.name}`);
  });
  const before = form.elements.method.value;
  options(form.elements.method, names.map((name) => [name, name]));
  if (form.elements.method.value !== before || fields.dataset.of !== `${form.elements.node.value} ${form.elements.method.value}`) build();
}

function method() {
  const [path, name] = [form.elements.method.value.slice(0, form.elements.method.value.lastIndexOf('/')), form.elements.method.value.split('/').at(-1)];
  const found = services.find(({ nodes, service }) => (
    nodes.includes(form.elements.node.value) && (service.subroute ? `${service.subroute}:${service.name}` : service.name) === path
  ));
  return found?.service.methods.find((of) => of.name === name);
}

function build() {
  const of = method();
  fields.dataset.of = `${form.elements.node.value} ${form.elements.method.value}`;
  fields.replaceChildren();
  setText(find('#call-docs'), of ? [of.signature, of.docs].filter(Boolean).join('\n') : 'No node describes its methods.');
  const made = (of?.arguments ?? []).map((argument, index) => {
    const text = of.schemas?.arguments?.[index];
    const title = `${argument.name}: ${argument.type}`;
    try {
      const schema = text ? JSON.parse(text) : guessed(argument.type);
      return [argument.name, field(argument.name, schema, schema, title, 0)];
    } catch {
      // A node may send anything: what is not a schema is ignored.
      return [argument.name, field(argument.name, {}, {}, title, 0)];
    }
  });
  fields.append(...made.map(([, { shown }]) => shown));
  read = () => {
    if (made.length === 0) return undefined;
    if (made.length === 1) return made[0][1].value();
    return object(made);
  };
  write();
}

/** The schema of a type that is written in the trait. Anything else is JSON. */
function guessed(type) {
  if (/^(String|&str|&'_ str)$/.test(type)) return { type: 'string' };
  if (/^[ui](8|16|32|64|size)$/.test(type)) return { type: 'integer' };
  if (/^f(32|64)$/.test(type)) return { type: 'number' };
  return type === 'bool' ? { type: 'boolean' } : {};
}

/** Values are JSON as text: a number of JavaScript would round large integers. */
function object(made) {
  const fields = made.map(([name, of]) => [name, of.value()]).filter(([, value]) => value !== undefined);
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** A part of a JSON pointer in a URL. */
const unescaped = (key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~');

function resolved(schema, root) {
  for (let step = 0; step < 32 && schema?.$ref?.startsWith('#/'); step += 1) {
    schema = schema.$ref.slice(2).split('/').reduce((at, key) => at?.[unescaped(key)], root);
  }
  return schema ?? {};
}

/** What is shown for a value, and a function that returns it as JSON; undefined if it is left out. */
function field(name, part, root, title, depth, isOptional = false) {
  const schema = resolved(part, root);
  const help = schema.description ?? '';
  if (schema.type === 'object' && schema.properties && depth < DEPTH_MAX) {
    const made = Object.entries(schema.properties).map(([key, of]) => {
      const isLess = !(schema.required ?? []).includes(key);
      return [key, field(key, of, root, key, depth + 1, isLess)];
    });
    const shown = element('fieldset', {}, element('legend', { textContent: title }), ...made.map(([, of]) => of.shown));
    return { shown, value: () => object(made) };
  }
  if (schema.type === 'boolean') {
    const input = element('input', { type: 'checkbox', checked: schema.default === true });
    return { shown: element('label', { className: 'check' }, input, ` ${title} `, element('small', { textContent: help })), value: () => String(input.checked) };
  }
  if (Array.isArray(schema.enum)) {
    const input = element('select', {}, ...schema.enum.map((of) => element('option', { textContent: String(of) })));
    return { shown: labelled(input, title, help), value: () => JSON.stringify(schema.enum[input.selectedIndex]) };
  }
  const isText = schema.type === 'string' && !schema.contentMediaType;
  const isNumber = schema.type === 'integer' || schema.type === 'number';
  const input = element(isText || isNumber ? 'input' : 'textarea', { autocomplete: 'off', spellcheck: false, name: `argument-${name}` });
  if (isNumber) input.inputMode = 'decimal';
  const kind = isText ? (schema.contentEncoding ? 'base64, or text:…' : '') : isNumber ? 'number' : 'JSON';
  return {
    shown: labelled(input, title, [kind, isOptional ? 'may be empty' : '', help].filter(Boolean).join('; ')),
    value: () => {
      if (input.value.trim() === '' && (isOptional || !isText)) return isOptional ? undefined : 'null';
      if (isText) return JSON.stringify(input.value);
      // What is not valid JSON is sent as a string: the error says what does not fit.
      try { JSON.parse(input.value); } catch { return JSON.stringify(input.value); }
      // Lines end between values only.
      return input.value.trim().replace(/\s*\n\s*/g, ' ');
    },
  };
}

const labelled = (input, title, help) => element('label', {}, title, input, element('small', { textContent: help }));

function write() {
  const words = [form.elements.method.value, read()].filter(Boolean);
  command('call', ['--node', form.elements.node.value || entry, 'call'], words);
}

async function call() {
  const of = ['node', 'method'].map((name) => [name, { value: () => JSON.stringify(form.elements[name].value) }]);
  const body = object([...of, ['arguments', { value: read }]]);
  isCalling = find('button', form).disabled = true;
  setText(find('#call-note'), 'waiting for the answer');
  const response = await request('/api/call', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-grid-console': '1' }, body,
  }).catch((error) => ({ ok: false, text: async () => String(error.message ?? error), status: 0 }));
  const text = await response.text().catch((error) => String(error.message ?? error));
  isCalling = false;
  find('button', form).disabled = !allows;
  const { answer, took_us: took } = response.ok ? JSON.parse(text) : {};
  find('#answer').className = response.ok ? '' : 'bad';
  setText(find('#answer'), response.ok ? answer : text);
  setText(find('#call-note'), response.ok ? `answered after ${duration(took)}` : response.status ? `failed, with status ${response.status}` : 'failed: the console does not answer');
}
