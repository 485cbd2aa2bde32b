/** When the person last changed each cell, so that an agent does not type over them. */
import { CellChange, ISharedCell } from '@jupyter/ydoc';
import { INotebookModel } from '@jupyterlab/notebook';

const KEPT_SECONDS = 60;

export class Typing {
  constructor(private readonly _notebook: INotebookModel) {
    this._follow();
    _notebook.cells.changed.connect(() => this._follow());
  }

  /** Do `work`, whose changes are not the person's. */
  pause(work: () => void): void {
    this._paused = true;
    try {
      work();
    } finally {
      this._paused = false;
    }
  }

  /** Seconds since the last change, for cells changed in the last minute. */
  recent(): Record<string, number> {
    const recent: Record<string, number> = {};
    for (const [id, at] of this._at) {
      const seconds = (performance.now() - at) / 1000;
      if (seconds < KEPT_SECONDS) {
        recent[id] = seconds;
      } else {
        this._at.delete(id);
      }
    }
    return recent;
  }

  private _follow(): void {
    for (const cell of this._notebook.cells) {
      // Connecting the same slot again changes nothing.
      cell.sharedModel.changed.connect(this._onChange);
    }
  }

  private readonly _onChange = (cell: ISharedCell, change: CellChange): void => {
    if (change.sourceChange && !this._paused) {
      this._at.set(cell.id, performance.now());
    }
  };

  private readonly _at = new Map<string, number>();
  private _paused = false;
}
