/**
 * Outputs of a run, written into the cell that the person sees.
 *
 * They go through the cell's output model and not through the shared model: Lab shows whatever is
 * inserted there at the end, wherever it was inserted, and would misplace an updated display.
 */
import { ICodeCellModel } from '@jupyterlab/cells';
import { INotebookModel } from '@jupyterlab/notebook';

import { Change } from './operations';

/** The number of the run that is going on in a cell. */
const counts = new WeakMap<ICodeCellModel, number>();

/** Write the changes; when the cell is gone there is nothing to show. */
export function writeOutput(
  notebook: INotebookModel,
  cellId: string,
  changes: Change[]
): void {
  const cell = [...notebook.cells].find(each => each.id === cellId);
  if (cell?.type === 'code') {
    changes.forEach(change => write(cell as ICodeCellModel, change));
  }
}

function write(cell: ICodeCellModel, change: Change): void {
  switch (change.kind) {
    case 'begin':
      cell.outputs.clear();
      trust(cell, change.trusted);
      cell.executionCount = null;
      counts.delete(cell);
      cell.sharedModel.executionState = 'running';
      break;
    case 'append':
      cell.outputs.add(change.output);
      break;
    case 'extend':
      extend(cell, change.index, change.text);
      break;
    case 'replace':
      cell.outputs.set(change.index, change.output);
      break;
    case 'clear':
      cell.outputs.clear();
      break;
    case 'count':
      // Lab takes a cell with a number for idle, so it is shown at the end.
      counts.set(cell, change.execution_count);
      break;
    case 'end':
      cell.executionCount = counts.get(cell) ?? null;
      cell.sharedModel.executionState = 'idle';
      break;
  }
}

/** Lab leaves the mark of an earlier trust in place, with which the server would sign. */
function trust(cell: ICodeCellModel, trusted: boolean): void {
  cell.trusted = trusted;
  if (!trusted) {
    cell.deleteMetadata('trusted');
  }
}

function extend(cell: ICodeCellModel, index: number, text: string): void {
  const stream = cell.outputs.get(index).streamText;
  stream?.insert(stream.text.length, text);
}
