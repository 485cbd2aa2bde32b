/** A run of a workflow in a tab of its own, asked for over the page's own connection. */
import { Message } from '@lumino/messaging';
import { Poll } from '@lumino/polling';
import { Widget } from '@lumino/widgets';

import { Api } from '../api';
import { mcpIcon } from '../icon';
import { hasEnded, type IRun } from './run';
import { RunView } from './view';

const GOING_MS = 500;
const AWAY_MS = 30000;

class RunTab extends Widget {
  constructor(
    private readonly _api: Api,
    workflowId: string
  ) {
    super();
    this._run = workflowId;
    this.id = idOf(workflowId);
    this.addClass('jp-mcp-run');
    this.title.icon = mcpIcon;
    this.title.label = 'Workflow';
    this.title.closable = true;
    this.node.append(this._view.node);
    this._poll = new Poll({
      auto: true,
      factory: () => this._look(),
      frequency: { interval: GOING_MS, backoff: true, max: AWAY_MS },
      name: 'jupyter-mcp-workbench:workflow',
      standby: () => document.hidden || !this.isVisible
    });
  }

  override dispose(): void {
    this._poll.dispose();
    this._view.dispose();
    super.dispose();
  }

  protected override onCloseRequest(message: Message): void {
    super.onCloseRequest(message);
    this.dispose();
  }

  private async _look(): Promise<void> {
    try {
      const run = await this._told(this._opened).catch((error: unknown) => {
        if (this._opened) {
          return this._told(''); // a retry may not have come to that part of a map yet
        }
        throw error;
      });
      this.title.label = run.name;
      this._view.update(run);
      if (hasEnded(run.status)) {
        void this._poll.stop();
      }
    } catch (error) {
      this._view.fail(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  private async _told(node: string): Promise<IRun> {
    const given = { workflow_id: this._run, ...(node ? { node } : {}) };
    return (await this._api.call('workflow_get', given)) as IRun;
  }

  private async _act(tool: string, given: Record<string, unknown>): Promise<void> {
    const told = await this._api.call(tool, { ...given, workflow_id: this._run });
    // A retry and a fork are runs of their own: they are what is shown from now on.
    this._run = (told as { workflow_id?: string } | null)?.workflow_id ?? this._run;
    this.id = idOf(this._run);
    await this._poll.refresh();
  }

  private readonly _view = new RunView({
    call: (tool, given) => this._act(tool, given),
    open: node => {
      this._opened = node ?? '';
      void this._poll.refresh();
    }
  });
  private readonly _poll: Poll;
  private _run: string;
  private _opened = '';
}

/** The tab of a run: the one that is open, or a new one. */
export function runTab(api: Api, workflowId: string, open: readonly Widget[]): Widget {
  return open.find(({ id }) => id === idOf(workflowId)) ?? new RunTab(api, workflowId);
}

function idOf(workflowId: string): string {
  return `jupyter-mcp-${workflowId}`;
}
