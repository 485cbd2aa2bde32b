/** The YAML of a spec as people write it, with a history that also knows what forms have changed. */
import { button, element, newId, setAttribute } from '../dom';
import { History } from './history';

/** How long a person has to stop typing before the text is read. */
const STILL_MS = 300;

export class TextPane {
  readonly node: HTMLElement;
  readonly undo = button('Undo', () => this._back(false));
  readonly redo = button('Redo', () => this._back(true));

  /**
   * @param changed - Takes the text when somebody has typed, or has gone back to another one.
   * @param below - What stands below the text.
   */
  constructor(
    text: string,
    private readonly changed: (text: string) => void,
    below: HTMLElement
  ) {
    const id = newId();
    this._history = new History(text);
    this._text = text;
    this._area.id = id;
    this._area.value = text;
    this._area.addEventListener('input', () => {
      window.clearTimeout(this._typing);
      this._typing = window.setTimeout(() => this.settle(), STILL_MS);
    });
    this._area.addEventListener('keydown', event => this._pressed(event));
    this.node = element(
      'section',
      { class: 'jp-mcp-wf-yaml', 'aria-label': 'Text' },
      element('label', { for: id }, 'YAML'),
      this._area,
      below
    );
    this._offer();
  }

  dispose(): void {
    window.clearTimeout(this._typing);
  }

  /** Hand on what was typed and not yet taken. */
  settle(): void {
    window.clearTimeout(this._typing);
    if (this._area.value !== this._text) {
      this.show(this._area.value);
      this.changed(this._text);
    }
  }

  /** Show a text that has come about. */
  show(text: string): void {
    this._text = text;
    this._history.add(text);
    if (this._area.value !== text) {
      this._area.value = text;
    }
    this._offer();
  }

  /** Go to a line, from 1. */
  go(line: number): void {
    const lines = this._area.value.split('\n');
    const begin = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    this._area.focus();
    this._area.setSelectionRange(begin, begin + (lines[line - 1]?.length ?? 0));
  }

  private _pressed(event: KeyboardEvent): void {
    const key = event.ctrlKey || event.metaKey ? event.key.toLowerCase() : '';
    if (key === 'z' || key === 'y') {
      event.preventDefault(); // the browser's own history knows nothing of forms
      this._back(key === 'y' || event.shiftKey);
    }
  }

  private _back(isForth: boolean): void {
    this.settle();
    const text = isForth ? this._history.redo() : this._history.undo();
    if (text !== null) {
      const at = differenceOf(this._text, text);
      this.show(text);
      this._area.setSelectionRange(at, at);
      this.changed(text);
    }
  }

  private _offer(): void {
    setAttribute(this.undo, 'aria-disabled', String(!this._history.canUndo));
    setAttribute(this.redo, 'aria-disabled', String(!this._history.canRedo));
  }

  private readonly _area = element('textarea', { spellcheck: 'false', wrap: 'off' });
  private readonly _history: History;
  private _text: string;
  private _typing = 0;
}

function differenceOf(one: string, other: string): number {
  let at = 0;
  while (at < other.length && one[at] === other[at]) {
    at += 1;
  }
  return at;
}
