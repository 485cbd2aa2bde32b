/** Jobs, live, as a table: how far each is, a way to end it, and what the opened one has told. */
import { button, element, setAttribute, setText, shown } from '../workflows/dom';
import { Freshness } from '../workflows/freshness';
import { hasEnded, share, sign, span, type INode, type RunStatus } from '../workflows/run';

export interface IJob {
  job_id: string;
  title: string;
  status: RunStatus;
  seconds: number;
  progress?: Exclude<INode['progress'], undefined>;
  /** What it asks a person. */
  asks?: string[];
}

/** A job with what it has told and what came of it. */
export interface IOpened extends Omit<IJob, 'asks'> {
  log: string;
  told: string;
}

/** The way to the server. */
export interface IJobDoor {
  /** End a job; fails with a line in words. */
  cancel(id: string): Promise<void>;
  /** Say whose log is wanted; '' for none. */
  open(id: string): void;
}

const HEAD = ['Title', 'Status', '', 'Progress', 'Time', 'Job'];

interface IRow {
  row: HTMLElement;
  open: HTMLButtonElement;
  status: HTMLElement;
  bar: HTMLElement;
  told: HTMLElement;
  time: HTMLElement;
  cancel: HTMLButtonElement;
}

export class JobsView {
  readonly node = element('div', { class: 'jp-mcp-wf', 'data-lm-suppress-shortcuts': 'true' });

  constructor(private readonly _door: IJobDoor) {
    const head = HEAD.map(name => element('th', { scope: 'col' }, name || unseen('Act')));
    const table = element(
      'table',
      { class: 'jp-mcp-wf-table jp-mcp-jobs' },
      element('caption', { class: 'jp-mcp-wf-unseen' }, 'Jobs'),
      element('thead', {}, element('tr', {}, ...head)),
      this._rows
    );
    const close = button('Close', () => this._open(''), { 'aria-label': 'Close the job' });
    this._details.append(
      element('div', { class: 'jp-mcp-wf-row' }, this._title, close),
      this._facts,
      this._told,
      this._log
    );
    const frame = element('div', { class: 'jp-mcp-wf-frame' }, table);
    const body = element(
      'div',
      { class: 'jp-mcp-wf-body' },
      element('div', { class: 'jp-mcp-wf-nodes' }, frame, this._none),
      this._details
    );
    this.node.append(this._problem, body, this._announced);
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Escape' && this._opened) {
        event.stopPropagation();
        this._open('');
      }
    });
    this._timer = window.setInterval(() => this._tell(), 1000);
  }

  dispose(): void {
    window.clearInterval(this._timer);
    this._fresh.dispose();
  }

  /** Show the jobs as they are now. */
  update(jobs: readonly IJob[], opened: IOpened | null): void {
    this._announce(jobs);
    this._jobs = jobs;
    const names = jobs.map(({ job_id }) => job_id).join('\n');
    if (names !== this._names) {
      this._names = names;
      const had = document.activeElement;
      const made = jobs.map(job => this._all.get(job.job_id) ?? this._row(job));
      this._all = new Map(made.map((row, at) => [jobs[at]!.job_id, row]));
      this._rows.replaceChildren(...made.map(({ row }) => row));
      if (had instanceof HTMLElement && this._rows.contains(had)) {
        had.focus(); // moving a row has taken it away
      }
    }
    jobs.forEach(job => this._show(job));
    this._none.hidden = jobs.length > 0;
    if (!this._isAwaited || opened?.job_id === this._opened) {
      this._isAwaited = false;
      this._detail(opened);
    } // else it was told before the job was opened
    this.same();
  }

  /** All is as before: what is shown is true. */
  same(): void {
    this._fresh.heard();
    this._failure = '';
    this._tell();
  }

  /** Say why there are no news, until there are. */
  fail(text: string): void {
    this._failure = text;
    this._tell();
  }

  private _row(job: IJob): IRow {
    const id = job.job_id;
    const made: IRow = {
      row: element('tr'),
      open: button(job.title, () => this._open(id), { 'data-job': id }),
      status: element('td'),
      bar: element('span', { class: 'jp-mcp-wf-bar', 'aria-hidden': 'true' }),
      told: element('span'),
      time: element('td'),
      cancel: button('Cancel', () => void this._cancel(made, id), {
        'aria-label': `Cancel ${job.title}`
      })
    };
    made.row.append(
      element('th', { scope: 'row' }, made.open),
      made.status,
      element('td', {}, made.cancel),
      element('td', {}, made.told, element('div', {}, made.bar)),
      made.time,
      element('td', {}, element('code', {}, id))
    );
    return made;
  }

  private _show(job: IJob): void {
    const { row, open, status, bar, told, time, cancel } = this._all.get(job.job_id)!;
    const isOver = hasEnded(job.status);
    const part = job.status === 'running' ? share(job) : null;
    setAttribute(row, 'data-status', job.status);
    setAttribute(open, 'aria-expanded', String(job.job_id === this._opened));
    setText(status, `${sign(job.status)} ${job.status}`);
    setText(told, progressOf(job, part));
    bar.style.width = part === null ? '0' : `${part * 100}%`;
    setText(time, span(job.seconds));
    if (isOver && cancel === document.activeElement) {
      open.focus();
    }
    cancel.hidden = isOver;
  }

  private async _cancel({ cancel }: IRow, id: string): Promise<void> {
    cancel.disabled = true;
    try {
      await this._door.cancel(id);
      this._refusal = '';
    } catch (error) {
      this._refusal = error instanceof Error ? error.message : String(error);
    }
    cancel.disabled = false;
    this._tell();
  }

  private _open(id: string): void {
    const before = this._opened;
    this._opened = id;
    this._isAwaited = id !== '';
    this._door.open(id);
    this._jobs.forEach(job => this._show(job));
    if (id) {
      const job = this._jobs.find(({ job_id }) => job_id === id);
      this._detail(job ? { ...job, log: '', told: 'Loading …' } : null);
      this._title.focus();
    } else {
      this._detail(null);
      this._all.get(before)?.open.focus();
    }
  }

  private _detail(job: IOpened | null): void {
    const isShown = job !== null && job.job_id === this._opened;
    this._details.hidden = !isShown;
    if (isShown) {
      const isAtEnd =
        this._log.scrollTop + this._log.clientHeight >= this._log.scrollHeight - 4;
      setText(this._title, job.title);
      const { status } = job;
      const facts = [`${sign(status)} ${status}`, span(job.seconds), job.job_id];
      setText(this._facts, facts.join(' · '));
      setText(this._told, shown(job.told));
      setText(this._log, job.log);
      this._told.hidden = job.told === '';
      this._log.hidden = job.log === '';
      if (isAtEnd) {
        this._log.scrollTop = this._log.scrollHeight;
      }
    }
  }

  /** Say what was refused, and since when and why there are no news. */
  private _tell(): void {
    const isOld = this._failure !== '' || this._fresh.isSilent;
    const old = isOld ? this._fresh.told(this._failure) : '';
    const told = [this._refusal, old].filter(Boolean).join('\n');
    this.node.classList.toggle('jp-mcp-wf-stale', isOld);
    setText(this._problem, told);
    this._problem.hidden = told === '';
  }

  /** Tell readers of screens what has changed. */
  private _announce(jobs: readonly IJob[]): void {
    const old = new Map(this._jobs.map(({ job_id, status }) => [job_id, status]));
    const changed = jobs.filter(
      ({ job_id, status }) => old.has(job_id) && old.get(job_id) !== status
    );
    if (changed.length) {
      this._announced.textContent = changed
        .map(({ title, status }) => `${title}: ${status}.`)
        .join(' ');
    }
  }

  private readonly _rows = element('tbody');
  private readonly _none = element('p', { class: 'jp-mcp-wf-hint' }, 'There are no jobs.');
  private readonly _problem = element('div', {
    class: 'jp-mcp-wf-problem',
    role: 'alert',
    hidden: true
  });
  private readonly _announced = element('div', { class: 'jp-mcp-wf-unseen', role: 'status' });
  private readonly _details = element('section', {
    class: 'jp-mcp-wf-details',
    'aria-label': 'Job',
    hidden: true
  });
  private readonly _title = element('h3', { tabindex: '-1' });
  private readonly _facts = element('p', { class: 'jp-mcp-wf-facts' });
  private readonly _told = element('pre', {
    class: 'jp-mcp-wf-text',
    tabindex: '0',
    'aria-label': 'Result'
  });
  private readonly _log = element('pre', {
    class: 'jp-mcp-wf-text',
    tabindex: '0',
    'aria-label': 'Log'
  });
  private readonly _fresh = new Freshness(this.node);
  private readonly _timer: number;
  private _all = new Map<string, IRow>();
  private _jobs: readonly IJob[] = [];
  private _names = '';
  private _opened = '';
  private _isAwaited = false;
  private _failure = '';
  private _refusal = '';
}

function progressOf(job: IJob, part: number | null): string {
  if (job.asks?.length) {
    return `asks: ${job.asks[0]}`;
  }
  const percent = part === null ? '' : `${Math.floor(part * 100)} %`;
  const message = job.status === 'succeeded' ? '' : (job.progress?.message ?? '');
  return [percent, message].filter(Boolean).join(' · ');
}

function unseen(text: string): HTMLElement {
  return element('span', { class: 'jp-mcp-wf-unseen' }, text);
}
