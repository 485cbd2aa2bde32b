/** The texts of an editor, one after the other, to go back to and forth again. */

const KEPT = 200;

export class History {
  constructor(private _now: string) {}

  /** Another text has come about; what was undone before is forgotten. */
  add(text: string): void {
    if (text !== this._now) {
      this._before = [...this._before, this._now].slice(-KEPT);
      this._after = [];
      this._now = text;
    }
  }

  /** The text before, or null where it begins. */
  undo(): string | null {
    return this._step(this._before, this._after);
  }

  /** The text that was undone last, or null. */
  redo(): string | null {
    return this._step(this._after, this._before);
  }

  get canUndo(): boolean {
    return this._before.length > 0;
  }

  get canRedo(): boolean {
    return this._after.length > 0;
  }

  private _step(from: string[], to: string[]): string | null {
    const text = from.pop();
    if (text === undefined) {
      return null;
    }
    to.push(this._now);
    this._now = text;
    return text;
  }

  private _before: string[] = [];
  private _after: string[] = [];
}
