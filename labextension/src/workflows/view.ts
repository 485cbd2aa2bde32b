/**
 * A run of a workflow, live: its graph or the same as a table, what a node did, and the controls.
 * It knows neither the notebook nor the panel: whoever mounts it brings the news and carries out
 * what a person asks for.
 */
import { Details } from './details';
import { button, element, newId, setAttribute, setText } from './dom';
import { Freshness } from './freshness';
import { Graph } from './graph';
import {
  clock,
  duration,
  hasEnded,
  nameOf,
  sign,
  told,
  type INode,
  type IRun,
  type NodeStatus
} from './run';
import { NodeTable } from './table';

/** The way to the server. */
export interface IDoor {
  /** Call a tool for the run that is shown; fails with a line in words. */
  call(tool: string, given: Record<string, unknown>): Promise<void>;
  /** Say which node's input, output and log are wanted; null for none. */
  open(node: string | null): void;
}

const CONTROLS = [
  { tool: 'workflow_pause', text: 'Pause', hint: 'No new node begins' },
  { tool: 'workflow_resume', text: 'Resume', hint: 'Go on' },
  { tool: 'workflow_cancel', text: 'Cancel', hint: 'End the run' },
  { tool: 'workflow_retry', text: 'Retry', hint: 'A new run of what has not succeeded' }
] as const;

/** What a person looks for first in a graph that is larger than its frame. */
const URGENT: readonly NodeStatus[] = ['waiting', 'failed', 'running'];

/** More changes at once are only counted for readers of screens. */
const TOLD = 4;

export class RunView {
  readonly node = element('div', { class: 'jp-mcp-wf', 'data-lm-suppress-shortcuts': 'true' });

  constructor(private readonly _door: IDoor) {
    const open = (id: string) => this._open(id);
    this._graph = new Graph(open);
    this._table = new NodeTable(open);
    this._details = new Details(
      (tool, given) => this._act(tool, given),
      () => this._open(null)
    );
    this._details.node.hidden = true;
    this._table.node.hidden = true;
    this.node.append(this._head(), this._problem, this._body(), this._announced);
    this._timer = window.setInterval(() => this._tick(), 1000);
  }

  dispose(): void {
    window.clearInterval(this._timer);
    this._fresh.dispose();
    this._graph.dispose();
  }

  /** Show the run as it is now. */
  update(run: IRun): void {
    const isOther = run.workflow_id !== this._run?.workflow_id;
    this._announce(this._run, run);
    this._run = run;
    this.same();
    if (isOther) {
      const first = URGENT.flatMap(status => run.nodes.filter(node => node.status === status));
      this._graph.reveal(first[0]?.id ?? '');
    }
  }

  /** The run is as before: what is shown is true. */
  same(): void {
    this._fresh.heard();
    this._failure = '';
    this._show();
  }

  /** Say why there are no news, until there are. */
  fail(text: string): void {
    this._failure = text;
    this._show();
  }

  private _head(): HTMLElement {
    const kind = newId();
    const choose = (text: string, isTable: boolean) => {
      const input = element('input', {
        type: 'radio',
        name: kind,
        change: () => this._turn(isTable)
      });
      input.checked = !isTable;
      return element('label', {}, input, element('span', {}, text));
    };
    for (const { tool, text, hint } of CONTROLS) {
      const made = button(text, () => void this._act(tool, {}), { title: hint, hidden: true });
      this._controls.set(tool, made);
    }
    return element(
      'div',
      { class: 'jp-mcp-wf-head' },
      element('div', { class: 'jp-mcp-wf-title' }, this._state, this._name, this._facts),
      element(
        'div',
        { class: 'jp-mcp-wf-row', role: 'group', 'aria-label': 'Run' },
        ...this._controls.values()
      ),
      element(
        'div',
        { class: 'jp-mcp-wf-choice', role: 'radiogroup', 'aria-label': 'Show as' },
        choose('Graph', false),
        choose('Table', true)
      )
    );
  }

  private _body(): HTMLElement {
    const nodes = element(
      'div',
      { class: 'jp-mcp-wf-nodes' },
      this._graph.node,
      this._table.node
    );
    return element('div', { class: 'jp-mcp-wf-body' }, nodes, this._details.node);
  }

  private _turn(isTable: boolean): void {
    this._graph.node.hidden = isTable;
    this._table.node.hidden = !isTable;
  }

  private _open(id: string | null): void {
    const before = this._opened;
    this._opened = id;
    this._door.open(id);
    this._show();
    if (id !== null) {
      this._graph.reveal(id);
      this._details.focus();
    } else if (before !== null) {
      (this._graph.node.hidden ? this._table : this._graph).focus(before);
    }
  }

  private async _act(tool: string, given: Record<string, unknown>): Promise<void> {
    try {
      await this._door.call(tool, given);
      this._refusal = '';
    } catch (error) {
      this._refusal = error instanceof Error ? error.message : String(error);
    }
    this._show();
  }

  private _tick(): void {
    if (!this._run || !hasEnded(this._run.status)) {
      this._show();
    }
  }

  /** What is wrong, in lines: what was refused, why there are no news, what the run says. */
  private _told(run: IRun | null, isOld: boolean): string {
    const where = run?.error?.node ? `${run.error.node}: ` : '';
    const state = run?.error ? where + told(run.error) : (run?.reason ?? '');
    const why = isOld ? this._fresh.told(this._failure) : this._failure;
    return [this._refusal, why, state].filter(Boolean).join('\n');
  }

  private _show(): void {
    const isOver = this._run !== null && hasEnded(this._run.status);
    const isOld = !isOver && (this._failure !== '' || this._fresh.isSilent);
    const heard = isOld ? { heard_at: this._fresh.last / 1000 } : {};
    const run = this._run && { ...this._run, ...heard };
    this.node.classList.toggle('jp-mcp-wf-stale', isOld);
    const problem = this._told(run, isOld);
    setText(this._problem, problem);
    this._problem.hidden = problem === '';
    if (!run) {
      return;
    }
    const nodes = run.nodes.map(node => ({ ...within(node), ...heard }));
    const status = run.wanted === 'paused' && !hasEnded(run.status) ? 'paused' : run.status;
    const when = isOld ? ` at ${clock(run.heard_at)}` : '';
    setText(this._state, `${sign(status)} ${status}${when}`);
    setAttribute(this._state, 'data-status', status);
    setText(this._name, run.name);
    setText(this._facts, factsOf(run));
    this._allow(run);
    this._graph.update(nodes, this._opened);
    this._table.update(nodes, this._opened);
    const opened = nodes.find(({ id }) => id === this._opened);
    this._details.node.hidden = opened === undefined;
    if (opened) {
      this._details.update(run, opened);
    }
  }

  private _allow(run: IRun): void {
    const isOver = hasEnded(run.status);
    const isPaused = run.wanted === 'paused' || run.status === 'paused';
    const allowed: Record<string, boolean> = {
      workflow_pause: !isOver && !isPaused,
      workflow_resume: !isOver && isPaused,
      workflow_cancel: !isOver && run.wanted !== 'cancelled',
      workflow_retry: isOver && run.status !== 'succeeded'
    };
    const had = [...this._controls.values()].find(each => each === document.activeElement);
    for (const [tool, made] of this._controls) {
      made.hidden = !allowed[tool];
    }
    if (had?.hidden) {
      [...this._controls.values()].find(each => !each.hidden)?.focus();
    }
  }

  /** Tell readers of screens what has changed. */
  private _announce(before: IRun | null, now: IRun): void {
    if (before?.workflow_id !== now.workflow_id) {
      return;
    }
    const old = new Map(before.nodes.map(({ id, status }) => [id, status]));
    const changed = now.nodes.filter(({ id, status }) => old.get(id) !== status);
    const texts =
      changed.length > TOLD
        ? [`${changed.length} nodes have changed.`]
        : changed.map(node => `${nameOf(node)}: ${node.status}.`);
    if (before.status !== now.status) {
      texts.push(`The run: ${now.status}.`);
    }
    if (texts.length) {
      this._announced.textContent = texts.join(' ');
    }
  }

  private readonly _name = element('strong', { class: 'jp-mcp-wf-run' });
  private readonly _state = element('span', { class: 'jp-mcp-wf-state' });
  private readonly _facts = element('span', { class: 'jp-mcp-wf-hint' });
  private readonly _problem = element('div', {
    class: 'jp-mcp-wf-problem',
    role: 'alert',
    hidden: true
  });
  private readonly _announced = element('div', { class: 'jp-mcp-wf-unseen', role: 'status' });
  private readonly _controls = new Map<string, HTMLButtonElement>();
  private readonly _graph: Graph;
  private readonly _table: NodeTable;
  private readonly _details: Details;
  private readonly _fresh = new Freshness(this.node);
  private readonly _timer: number;
  private _run: IRun | null = null;
  private _opened: string | null = null;
  private _failure = '';
  private _refusal = '';
}

/** A node of a subworkflow, `sub.load`, stands behind the node that it belongs to. */
function within(node: INode): INode {
  const end = node.id.lastIndexOf('.');
  return end < 0 || node.needs?.length ? node : { ...node, needs: [node.id.slice(0, end)] };
}

function factsOf(run: IRun): string {
  const ended = run.nodes.filter(({ status }) => hasEnded(status)).length;
  return [
    `${ended} of ${run.nodes.length} nodes`,
    duration(run),
    run.workflow_id,
    run.template ?? '',
    run.parent ? `goes on from ${run.parent}` : ''
  ]
    .filter(Boolean)
    .join(' · ');
}
