/** Keys of the browser by the names that X and the `computer` tool know them by. */

const NAMES: Record<string, string> = {
  ArrowDown: 'Down',
  ArrowLeft: 'Left',
  ArrowRight: 'Right',
  ArrowUp: 'Up',
  Backspace: 'BackSpace',
  Enter: 'Return',
  PageDown: 'Page_Down',
  PageUp: 'Page_Up',
  ' ': 'space'
};

const PLAIN = new Set([
  'Delete',
  'End',
  'Escape',
  'Home',
  'Insert',
  'Menu',
  'Tab',
  ...Array.from({ length: 12 }, (_, at) => `F${at + 1}`)
]);

export interface IKeys {
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  key: string;
}

/** What a key press asks for: text to type, or a key with its modifiers; null for neither. */
export function stroke(event: IKeys): { kind: 'text' | 'key'; text: string } | null {
  const isCharacter = Array.from(event.key).length === 1;
  const modifiers = [
    event.ctrlKey ? 'ctrl' : '',
    event.altKey ? 'alt' : '',
    event.metaKey ? 'super' : ''
  ].filter(name => name !== '');
  if (isCharacter && modifiers.length === 0) {
    return { kind: 'text', text: event.key };
  }
  const named = NAMES[event.key] ?? event.key;
  if (!isCharacter && !(event.key in NAMES) && !PLAIN.has(event.key)) {
    return null;
  }
  const shift = event.shiftKey && !isCharacter ? ['shift'] : [];
  return { kind: 'key', text: [...modifiers, ...shift, named].join('+') };
}
