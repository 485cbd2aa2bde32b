/**
 * What the server last said, refreshed once a second while a call runs or waits for a person, and
 * every three seconds otherwise. It stands by while the page is hidden and backs off while the server is away.
 */
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { IDisposable } from '@lumino/disposable';

import { Answer, Api, IStatus, Mode } from './api';

const RUNNING_MS = 1000;
const QUIET_MS = 3000;
const AWAY_MS = 30000;

export class StatusModel implements IDisposable {
  constructor(readonly api: Api) {
    this._poll = new Poll({
      auto: true,
      factory: () => this._fetch(),
      frequency: { interval: QUIET_MS, backoff: true, max: AWAY_MS },
      name: 'jupyter-mcp-workbench:status',
      standby: 'when-hidden'
    });
  }

  /** Emitted after every answer and every failure. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last answer, null before the first one. */
  get status(): IStatus | null {
    return this._status;
  }

  /** Why the server cannot be reached, empty while it can. */
  get failure(): string {
    return this._failure;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  async cancel(id: string): Promise<void> {
    await this.api.cancel(id);
    await this._poll.refresh();
  }

  async switchAgents(mode: Mode): Promise<void> {
    await this.api.switchAgents(mode);
    await this._poll.refresh();
  }

  async resume(target: string): Promise<void> {
    await this.api.resume(target);
    await this._poll.refresh();
  }

  async answer(id: string, answer: Answer): Promise<void> {
    try {
      await this.api.answer(id, answer);
    } finally {
      await this._poll.refresh();
    }
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _fetch(): Promise<void> {
    try {
      this._status = await this.api.status();
      this._failure = '';
    } catch (error) {
      this._failure = error instanceof Error ? error.message : String(error);
      throw error;
    } finally {
      this._pace();
      this._changed.emit();
    }
  }

  private _pace(): void {
    const busy = this._status?.calls.running.length || this._status?.approvals?.waiting.length;
    const interval = busy ? RUNNING_MS : QUIET_MS;
    if (this._poll.frequency.interval !== interval) {
      this._poll.frequency = { interval, backoff: true, max: AWAY_MS };
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _status: IStatus | null = null;
  private _failure = '';
  private readonly _poll: Poll;
}
