/** Edits of the shared model; each is undone by Lab's own undo. */
import { ISharedCell, ISharedNotebook, SharedCell } from '@jupyter/ydoc';

import { CellType, Edit, Splice } from './operations';

export class MissingCell extends Error {
  constructor(readonly cellId: string) {
    super(`no cell '${cellId}'`);
  }
}

/** Make one edit. Raises `MissingCell`. */
export function applyEdit(notebook: ISharedNotebook, edit: Edit): void {
  if (edit.kind === 'insert') {
    notebook.insertCell(edit.index, edit.cell);
    return;
  }
  const index = notebook.cells.findIndex(cell => cell.id === edit.cell_id);
  const cell = notebook.cells[index];
  if (cell === undefined) {
    throw new MissingCell(edit.cell_id);
  }
  switch (edit.kind) {
    case 'delete':
      return notebook.deleteCell(index);
    case 'splice':
      return splice(cell, edit.splices);
    case 'type':
      return retype(notebook, index, cell, edit.cell_type);
    case 'metadata':
      return cell.setMetadata({ ...kept(cell), ...edit.metadata });
    case 'move':
      return notebook.moveCell(index, edit.index);
  }
}

function splice(cell: ISharedCell, splices: Splice[]): void {
  for (const [start, deleted, inserted] of splices) {
    cell.updateSource(start, start + deleted, inserted);
  }
}

/** The type of a shared cell is fixed, so a new cell takes its place and keeps its id. */
function retype(
  notebook: ISharedNotebook,
  index: number,
  cell: ISharedCell,
  type: CellType
): void {
  const { id, source } = cell;
  const metadata = { ...cell.getMetadata() } as Record<string, unknown>;
  delete metadata['trusted'];
  const code = type === 'code' ? { outputs: [], execution_count: null } : {};
  notebook.deleteCell(index);
  notebook.insertCell(index, {
    id,
    source,
    metadata,
    cell_type: type,
    ...code
  } as SharedCell.Cell);
}

function kept(cell: ISharedCell): { trusted?: true } {
  return cell.getMetadata('trusted') === true ? { trusted: true } : {};
}
