/** One open notebook, and the operations on the model that the person sees. */
import { ICell } from '@jupyterlab/nbformat';
import { INotebookModel, NotebookPanel } from '@jupyterlab/notebook';

import { applyEdit, MissingCell } from './edits';
import { Done, Edit, Operation } from './operations';
import { writeOutput } from './outputs';
import { Typing } from './typing';

export class OpenNotebook {
  constructor(private readonly _panel: NotebookPanel) {
    this._typing = new Typing(this._model);
  }

  async perform(operation: Operation): Promise<Done> {
    switch (operation.op) {
      case 'read':
        return this._read();
      case 'apply':
        return this._apply(operation.edits, operation.expect);
      case 'output':
        writeOutput(this._model, operation.cell_id, operation.changes);
        return { ok: true };
      case 'save':
        await this._panel.context.save();
        return { ok: true };
      default:
        return { error: `unknown operation '${(operation as { op: string }).op}'` };
    }
  }

  private get _model(): INotebookModel {
    return this._panel.context.model;
  }

  private _read(): Done {
    const { sharedModel } = this._model;
    return {
      cells: [...this._model.cells].map(cell => plain(cell.toJSON(), cell.id)),
      metadata: sharedModel.metadata,
      typed: this._typing.recent()
    };
  }

  private _apply(edits: Edit[], expect: Record<string, string>): Done {
    const { sharedModel } = this._model;
    const sources = new Map(sharedModel.cells.map(cell => [cell.id, cell.source]));
    const stale = Object.keys(expect).filter(id => sources.get(id) !== expect[id]);
    if (stale.length > 0) {
      return { stale };
    }
    try {
      this._typing.pause(() =>
        sharedModel.transact(() => edits.forEach(edit => applyEdit(sharedModel, edit)))
      );
    } catch (error) {
      if (error instanceof MissingCell) {
        return { missing: error.cellId };
      }
      throw error;
    }
    return { ok: true };
  }

  private readonly _typing: Typing;
}

/** `trusted` is Lab's own mark on the open page, not a part of the notebook. */
function plain(cell: ICell, id: string): ICell {
  const metadata = { ...cell.metadata };
  delete metadata['trusted'];
  const source = Array.isArray(cell.source) ? cell.source.join('') : cell.source;
  return { ...cell, id, metadata, source };
}
