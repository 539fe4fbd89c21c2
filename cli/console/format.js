// Numbers as people read them.

export function duration(us) {
  if (us === null || us === undefined) return '';
  if (us < 1000) return `${us} µs`;
  if (us < 1e6) return `${digits(us / 1e3)} ms`;
  return us < 6e7 ? `${digits(us / 1e6)} s` : long(us / 1e6);
}

/** Seconds as days, hours and minutes, the two greatest. */
export function long(seconds) {
  const parts = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const from = Math.max(0, parts.findIndex(([, size]) => seconds >= size));
  let left = Math.floor(seconds);
  return parts.slice(from, from + 2).map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return `${count} ${unit}`;
  }).join(' ');
}

const digits = (value) => value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);

export function amount(value) {
  if (value < 10) return String(Math.round(value * 10) / 10);
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e4]]) {
    if (value >= size) return `${digits(value / (unit === 'k' ? 1e3 : size))} ${unit}`;
  }
  return String(Math.round(value));
}

export const bytes = (count) => `${amount(count)}${count >= 1e4 ? '' : ' '}B`;

export const time = (unixMs) => new Date(unixMs).toISOString().slice(11, 23);

/** The name of a node without what all of them have. */
export const short = (name) => name.replace(/^\w+:\/\//, '');
