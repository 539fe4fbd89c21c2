// Numbers as people read them.

export function duration(us) {
  if (us === null || us === undefined) return '';
  if (us < 1000) return `${us} µs`;
  // What would be rounded to 1000 ms or 60.0 s is shown as 1.00 s or 1 min.
  if (us < 999.5e3) return `${digits(us / 1e3)} ms`;
  return us < 59.95e6 ? `${digits(us / 1e6)} s` : long(Math.round(us / 1e6));
}

/** Seconds as days, hours and minutes, the two greatest. */
export function long(seconds) {
  const parts = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const found = parts.findIndex(([, size]) => seconds >= size);
  const from = found < 0 ? parts.length - 1 : found;
  let left = Math.floor(seconds);
  return parts.slice(from, from + 2).map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return `${count} ${unit}`;
  }).join(' ');
}

/** Three digits, of the number as it is rounded. */
const digits = (value) => value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);

export function amount(value) {
  if (value < 10) return String(Math.round(value * 10) / 10);
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e4]]) {
    if (value >= size * 0.9995) return `${digits(value / (unit === 'k' ? 1e3 : size))} ${unit}`;
  }
  return String(Math.round(value));
}

export const bytes = (count) => (count >= 9995 ? `${amount(count)}B` : `${amount(count)} B`);

/** A time of day in UTC. A node may send a number that is no time at all. */
export const time = (unixMs) => iso(unixMs)?.slice(11, 23) ?? '–';

/** A time of the past, with its day if it is another one than that of `now`. */
export function when(unixMs, now) {
  const [text, today] = [iso(unixMs), iso(now)];
  if (!text) return '–';
  return text.slice(0, 10) === today?.slice(0, 10) ? text.slice(11, 23) : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

export function iso(unixMs) {
  const date = new Date(unixMs ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** The name of a node without what all of them have. */
export const short = (name) => name.replace(/^\w+:\/\//, '');

/** A long name without its middle: names of a grid differ at their ends. */
export function fitted(name, most) {
  if (name.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${name.slice(0, most - 1 - end)}…${name.slice(-end)}`;
}

export const counted = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
