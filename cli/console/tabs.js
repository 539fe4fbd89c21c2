// The views as tabs: arrow keys, Home and End move between them, digits choose one from anywhere.

const tabs = [...document.querySelectorAll('[role="tab"]')];
const listeners = [];

export const onShow = (listener) => listeners.push(listener);

export const shown = () => tabs.find((tab) => tab.getAttribute('aria-selected') === 'true').getAttribute('aria-controls');

export function show(view) {
  const chosen = tabs.find((tab) => tab.getAttribute('aria-controls') === view) ?? tabs[0];
  for (const tab of tabs) {
    const is = tab === chosen;
    tab.setAttribute('aria-selected', is);
    tab.tabIndex = is ? 0 : -1;
    document.getElementById(tab.getAttribute('aria-controls')).hidden = !is;
  }
  // Not the id of an element, to which the browser would scroll.
  history.replaceState(null, '', `#/${shown()}`);
  listeners.forEach((listener) => listener(shown()));
  return chosen;
}

const open = (tab) => show(tab.getAttribute('aria-controls')).focus();

export function start() {
  for (const tab of tabs) tab.addEventListener('click', () => open(tab));
  tabs[0].parentElement.addEventListener('keydown', (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    open(tabs.at(to % tabs.length));
  });
  document.addEventListener('keydown', (event) => {
    const isTyping = event.target.matches('input:not([type="checkbox"]), textarea, select');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !/^[1-7]$/.test(event.key)) return;
    open(tabs[event.key - 1]);
  });
  addEventListener('hashchange', () => show(location.hash.slice(2)));
  show(location.hash.slice(2));
}
