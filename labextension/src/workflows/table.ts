/** The same nodes as a table, for whoever would rather read than look. */
import { button, element, setAttribute, setText } from './dom';
import { duration, nameOf, sign, told, type INode } from './run';

const HEAD = ['Node', 'State', 'Time', 'Message', 'Kind', 'Attempts', 'Needs'];

interface IRow {
  row: HTMLElement;
  open: HTMLButtonElement;
  cells: HTMLElement[];
}

export class NodeTable {
  readonly node: HTMLElement;

  /** @param open - What a node's button opens. */
  constructor(private readonly open: (id: string) => void) {
    const head = element('tr', {}, ...HEAD.map(name => element('th', { scope: 'col' }, name)));
    const table = element(
      'table',
      { class: 'jp-mcp-wf-table' },
      element('caption', { class: 'jp-mcp-wf-unseen' }, 'Nodes of the run'),
      element('thead', {}, head),
      this._body
    );
    this.node = element('div', { class: 'jp-mcp-wf-frame' }, table);
  }

  /** Show the nodes as they are. */
  update(nodes: readonly INode[], opened: string | null): void {
    const names = nodes.map(({ id }) => id).join('\n');
    if (names !== this._names) {
      this._names = names;
      this._rows.clear();
      this._body.replaceChildren(...nodes.map(node => this._row(node)));
    }
    for (const node of nodes) {
      const { row, open, cells } = this._rows.get(node.id)!;
      setAttribute(row, 'data-status', node.status);
      setAttribute(open, 'aria-pressed', String(node.id === opened));
      texts(node).forEach((text, at) => setText(cells[at]!, text));
    }
  }

  /** Give a node's button the focus. */
  focus(id: string): void {
    this._rows.get(id)?.open.focus();
  }

  private _row(node: INode): HTMLElement {
    const open = button(nameOf(node), () => this.open(node.id), { 'data-node': node.id });
    const cells = HEAD.slice(1).map(() => element('td'));
    const row = element('tr', {}, element('th', { scope: 'row' }, open), ...cells);
    this._rows.set(node.id, { row, open, cells });
    return row;
  }

  private readonly _body = element('tbody');
  private readonly _rows = new Map<string, IRow>();
  private _names = '';
}

function texts(node: INode): string[] {
  return [
    `${sign(node.status)} ${node.status}`,
    duration(node),
    node.error ? told(node.error) : (node.progress?.message ?? ''),
    node.kind,
    String(node.attempts ?? 0),
    (node.needs ?? []).join(', ')
  ];
}
