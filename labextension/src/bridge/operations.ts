/** The operations that the server asks of an open notebook; see `panel_jupyter.py`. */
import { ICell, INotebookMetadata, IOutput } from '@jupyterlab/nbformat';

/** Start, number of deleted UTF-16 units, inserted text. */
export type Splice = [number, number, string];

export type CellType = 'code' | 'markdown' | 'raw';

export type Edit =
  | { kind: 'insert'; index: number; cell: ICell }
  | { kind: 'delete'; cell_id: string }
  | { kind: 'splice'; cell_id: string; splices: Splice[] }
  | { kind: 'type'; cell_id: string; cell_type: CellType }
  | { kind: 'metadata'; cell_id: string; metadata: ICell['metadata'] }
  | { kind: 'move'; cell_id: string; index: number };

export type Change =
  | { kind: 'begin'; trusted: boolean }
  | { kind: 'append'; output: IOutput }
  | { kind: 'extend'; index: number; text: string }
  | { kind: 'replace'; index: number; output: IOutput }
  | { kind: 'clear' }
  | { kind: 'count'; execution_count: number }
  | { kind: 'end' };

export type Operation =
  | { op: 'read' }
  | { op: 'apply'; edits: Edit[]; expect: Record<string, string> }
  | { op: 'output'; cell_id: string; changes: Change[] }
  | { op: 'save' };

export type IRequest = Operation & { id: number; path: string };

export interface INotebookContent {
  cells: ICell[];
  metadata: INotebookMetadata;
  /** For cells that the person typed in lately, how many seconds ago. */
  typed: Record<string, number>;
}

export type Done =
  | INotebookContent
  | { ok: true }
  | { stale: string[] }
  | { missing: string }
  | { error: string };
