// Elements. All texts are set as text: what a node has sent is never parsed as HTML.

const SVG = 'http://www.w3.org/2000/svg';

export const find = (selector, within = document) => within.querySelector(selector);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function shape(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Sets what has changed only, so that a selection of the user stays and nothing is laid out for nothing. */
export function setText(of, text) {
  if (of.textContent !== text) of.textContent = text;
}

export function setAttribute(of, name, value) {
  if (of.getAttribute(name) !== String(value)) of.setAttribute(name, value);
}

/**
 * Shows the items as rows of a table, in the rows that are there. A column is a class and a function of an item, which returns a
 * text, or `{text, tone}`; or of the cell and the item, which fills the cell.
 */
export function rows(table, items, columns) {
  const body = table.tBodies[0];
  while (body.rows.length > items.length) body.deleteRow(-1);
  items.forEach((item, index) => {
    const row = body.rows[index] ?? body.insertRow();
    columns.forEach(([name, column], at) => {
      const cell = row.cells[at] ?? row.insertCell();
      const value = column.length > 1 ? column(cell, item) : column(item);
      const { text, tone } = value && typeof value === 'object' ? value : { text: value };
      const classes = tone ? `${name} ${tone}` : name;
      if (cell.className !== classes) cell.className = classes;
      if (text === undefined) return;
      setText(cell, text);
      if (cell.title !== text && name.includes('name')) cell.title = text;
    });
  });
  const empty = table.parentElement.querySelector('.empty');
  if (empty) empty.hidden = items.length > 0;
}

/** Sets the options of a select, and keeps the one that is chosen. */
export function options(select, values) {
  const now = [...select.options].map((option) => option.value);
  if (now.length === values.length && now.every((value, at) => value === values[at][0])) return;
  const chosen = select.value;
  select.replaceChildren(...values.map(([value, text]) => element('option', { value, textContent: text })));
  if (values.some(([value]) => value === chosen)) select.value = chosen;
}

/** A line of numbers in a cell, from 0 at the bottom to the greatest at the top. The right end is now. */
export function sparkline(cell, numbers, of) {
  const svg = cell.firstElementChild
    ?? cell.appendChild(shape('svg', { viewBox: '0 0 119 20', preserveAspectRatio: 'none', role: 'img' }));
  const line = svg.firstElementChild ?? svg.appendChild(shape('polyline', { class: 'spark' }));
  const most = Math.max(1, ...numbers);
  const from = 120 - numbers.length;
  setAttribute(line, 'points', numbers.map((number, at) => `${from + at},${(19 - (number / most) * 18).toFixed(1)}`).join(' '));
  setAttribute(svg, 'aria-label', `${of}: at most ${most}, now ${numbers.at(-1) ?? 0}`);
}

/**
 * Writes the command that prints the same as a view below it. `operands` come after the options; one with a dash at its
 * beginning would be taken for an option.
 */
export function command(view, words, operands = []) {
  const isDashed = operands.some((word) => word.startsWith('-'));
  const place = find(`#${view} > .command`);
  if (!place.firstChild) {
    const code = element('code', { id: `command-${view}`, tabIndex: 0 });
    const copy = element('button', { type: 'button', textContent: 'Copy' });
    copy.title = 'Copy the command';
    copy.addEventListener('click', async () => {
      getSelection().selectAllChildren(code);
      // Without TLS and not on loopback, there is no clipboard: the selection is left to the user.
      const isCopied = await navigator.clipboard?.writeText(code.textContent).then(() => true, () => false);
      setText(copy, isCopied ? 'Copied' : 'Selected');
      setTimeout(() => setText(copy, 'Copy'), 1500);
    });
    place.append(code, copy);
  }
  setText(place.firstChild, ['grid', ...words, ...(isDashed ? ['--'] : []), ...operands].map(quoted).join(' '));
}

/** Characters that would act in a terminal when they are pasted, or turn the direction of the text. */
// eslint-disable-next-line no-control-regex
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A word as a shell reads it. Those with harmful characters need bash, zsh or ksh. */
export function quoted(word) {
  if (word.search(HARMFUL) >= 0) {
    const escaped = word.replace(/[\\']/g, '\\$&')
      .replace(HARMFUL, (of) => [...new TextEncoder().encode(of)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''));
    return `$'${escaped}'`;
  }
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
