/** Elements of a page. What workflows say only ever becomes text of them, never markup. */

type Props = Record<string, string | boolean | ((event: Event) => void)>;

/**
 * Make an element: a function listens to the event of that name, `true` sets an attribute and
 * `false` none.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') {
      made.addEventListener(name, value);
    } else if (value !== false) {
      made.setAttribute(name, value === true ? '' : value);
    }
  }
  made.append(...children);
  return made;
}

/** A button that keeps the notebook's shortcuts away from its keys. */
export function button(
  text: string,
  press: (event: Event) => void,
  props: Props = {}
): HTMLButtonElement {
  return element(
    'button',
    { type: 'button', class: 'jp-mcp-wf-button', ...props, click: press },
    text
  );
}

/** Set a text if it is another one, so that readers of screens are not told the same twice. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/** Set an attribute if it is another one; '' takes it away. */
export function setAttribute(node: Element, name: string, value: string): void {
  if (value === '') {
    node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) {
    node.setAttribute(name, value);
  }
}

/** A value as text for people: text as it is, everything else as JSON. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

let made = 0;

/** An id that no other element of this page has. */
export function newId(): string {
  return `jp-mcp-wf-${++made}-${Math.random().toString(36).slice(2, 8)}`;
}
