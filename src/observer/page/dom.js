// Lists that are brought up to date in place: what has not changed costs nothing, and stays selected.

/** A text, and a class where one is given. */
export function set(node, text, className = node.className) {
  const said = String(text);
  if (node.said !== said) {
    node.said = said;
    node.textContent = said;
  }
  if (node.className !== className) node.className = className;
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** As many children as there are items, each brought up to date. */
export function fill(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(make());
  items.forEach((item, index) => update(parent.children[index], item));
}

/** A row of a table whose first cell is its head, with bars in some columns. The number beside a bar says the same. */
export function row(columns, bars) {
  const cells = Array.from({ length: columns }, (_, index) => {
    if (index === 0) return element('th', { scope: 'row' });
    return element('td', {}, ...(bars.includes(index) ? [element('progress', { ariaHidden: 'true', className: 'bar' })] : []));
  });
  return element('tr', {}, ...cells);
}

export function setBar(bar, value, most) {
  const share = most > 0 ? Math.min(1, (value ?? 0) / most) : 0;
  if (bar.said === share) return;
  bar.said = share;
  bar.value = share;
}
