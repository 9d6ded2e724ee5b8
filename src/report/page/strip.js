// What happened when, above the plots and on their axis: phases, fault plans, deaths, and when each finding holds.
import { clock } from './words.js';

// More lines of findings would push the plots off the screen.
const MOST_LANES = 5;

const made = (name, className, textContent = '') => Object.assign(document.createElement(name), { className, textContent });

/** So that none covers another: each goes into the first lane that is free by then. */
function lanes(items) {
  const all = [];
  items.forEach((item) => {
    const free = all.find((lane) => lane.at(-1).to <= item.from) ?? (all.length < MOST_LANES && all[all.push([]) - 1]);
    if (free) free.push(item);
  });
  return all;
}

export class Strip {
  /** Rows of a name and items: `from`, `to`, `name`, a `kind`, and what else is `told` of it. */
  constructor(article, rows, view) {
    this.view = view;
    this.items = [];
    rows.filter((row) => row.items.length).forEach((row) => {
      const place = made('div', 'row');
      place.append(made('span', 'row-name', row.name));
      const inOrder = row.items.toSorted((one, other) => one.from - other.from);
      const lane = row.isPacked ? lanes(inOrder) : [inOrder];
      const box = made('div', 'lanes');
      box.append(...lane.map((items) => this.lane(items)));
      place.append(box);
      article.append(place);
    });
    article.hidden = !this.items.length;
  }

  lane(items) {
    const lane = made('div', 'lane');
    items.forEach((item) => {
      const button = Object.assign(made('button', `item ${item.kind}`, item.name), { type: 'button' });
      const when = item.to > item.from ? `${clock(item.from, 1)} to ${clock(item.to, 1)}` : clock(item.from, 1);
      button.title = `${item.told ?? item.name}, ${when}`;
      button.setAttribute('aria-label', button.title);
      button.addEventListener('click', () => this.view.look(item.from, item.to));
      this.items.push({ ...item, button });
      lane.append(button);
    });
    lane.addEventListener('keydown', (event) => {
      const seen = [...lane.children].filter((button) => !button.hidden);
      const next = seen[seen.indexOf(document.activeElement) + ({ ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? NaN)];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
    return lane;
  }

  /** Where the view is; a name where there is room for some of it. */
  draw() {
    const [first, last] = this.view.range;
    const at = (seconds) => Math.min(100, Math.max(0, (seconds - first) / (last - first) * 100));
    const width = this.items[0]?.button.parentElement.clientWidth ?? 0;
    this.items.forEach(({ from, to, kind, name, button }) => {
      button.hidden = to < first || from > last;
      button.tabIndex = -1;
      const room = (at(to) - at(from)) / 100 * width;
      button.textContent = kind === 'death' || room > 28 ? name : '';
      button.style.left = `${at(from)}%`;
      button.style.width = `${at(to) - at(from)}%`;
    });
    // A row is one stop of the keyboard, in which arrows move on.
    const rows = new Set(this.items.map(({ button }) => button.parentElement));
    rows.forEach((lane) => lane.querySelector('.item:not([hidden])')?.setAttribute('tabindex', 0));
  }
}
