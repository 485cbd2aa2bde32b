/** One node: what it worked with, what came of it, and what a person can do about it. */
import { button, element, setText, shown } from './dom';
import { form, type IField, type ISchema } from './fields';
import { clock, duration, hasEnded, nameOf, sign, told, type INode, type IRun } from './run';

/** Carries out what a person asks for; it fails with a line in words. */
export type Act = (tool: string, given: Record<string, unknown>) => Promise<void>;

interface IPart {
  node: HTMLElement;
  text: HTMLElement;
}

export class Details {
  readonly node = element('section', { class: 'jp-mcp-wf-details', 'aria-label': 'Node' });

  constructor(
    private readonly _act: Act,
    private readonly _close: () => void
  ) {
    this._parts = {
      error: part('Error', 'jp-mcp-wf-problem'),
      output: part('Output'),
      log: part('Log'),
      input: part('Input')
    };
    const close = button('Close', () => this._close(), { 'aria-label': 'Close the node' });
    this.node.append(
      element('div', { class: 'jp-mcp-wf-row' }, this._title, close),
      this._facts,
      this._answer,
      this._buttons,
      ...Object.values(this._parts).map(({ node }) => node)
    );
    this.node.addEventListener('keydown', event => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        this._close();
      }
    });
  }

  /** Move the focus here, so that readers of screens say what has opened. */
  focus(): void {
    this._title.focus();
  }

  /** Show a node; what a person is writing stays. */
  update(run: IRun, node: INode): void {
    setText(this._title, nameOf(node));
    setText(this._facts, facts(node));
    this._offer(run, node);
    this._ask(node);
    const error = node.error ? told(node.error) : '';
    fill(this._parts.error, error);
    fill(this._parts.output, has(node.output) ? shown(node.output) : '');
    const isShown = has(node.input) && this._asked === ''; // a question shows its own
    fill(this._parts.input, isShown ? shown(node.input) : '');
    const { text } = this._parts.log;
    const isAtEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 4;
    fill(this._parts.log, node.log ?? '');
    if (isAtEnd) {
      text.scrollTop = text.scrollHeight; // the tail of a log is what is new
    }
  }

  /** Buttons for what this node's state allows. */
  private _offer(run: IRun, node: INode): void {
    const isOver = hasEnded(run.status);
    const isFailed = node.status === 'failed' || node.status === 'cancelled';
    const key = `${node.id} ${isOver} ${isFailed}`;
    if (key === this._offered) {
      return;
    }
    this._offered = key;
    const made: HTMLElement[] = [];
    if (isOver && isFailed) {
      made.push(
        this._button('Retry', 'workflow_retry', {}, 'What succeeded is not done again')
      );
    }
    if (isOver && !node.id.includes('[')) {
      // elements of maps and notices are done with what they belong to
      const hint = 'A new run that does this node and all after it again';
      made.push(this._button('Run again from here', 'workflow_fork', { node: node.id }, hint));
    }
    this._buttons.replaceChildren(...made);
  }

  private _button(
    text: string,
    tool: string,
    given: Record<string, unknown>,
    title: string
  ): HTMLElement {
    const made = button(
      text,
      () => {
        made.disabled = true;
        void this._act(tool, given).finally(() => {
          made.disabled = false;
        });
      },
      { title }
    );
    return made;
  }

  /** A form for the answer that an approval waits for. */
  private _ask(node: INode): void {
    const isAsked = node.kind === 'approval' && node.status === 'waiting';
    const input = (isAsked ? (node.input ?? {}) : {}) as {
      message?: string;
      fields?: ISchema;
    };
    const key = isAsked ? JSON.stringify([node.id, input]) : '';
    if (key === this._asked) {
      return;
    }
    this._asked = key;
    this._answer.replaceChildren(...(isAsked ? this._form(node, input) : []));
  }

  private _form(node: INode, input: { message?: string; fields?: ISchema }): HTMLElement[] {
    const fields: IField | null = input.fields ? form(input.fields, undefined) : null;
    const reason = element('input', {
      type: 'text',
      'aria-label': 'Why not (if you decline)'
    });
    reason.placeholder = 'Why not (if you decline)';
    const problem = element('div', { class: 'jp-mcp-wf-problem', role: 'alert' });
    const made: HTMLButtonElement[] = [];
    const send = (approved: boolean) => {
      let given: Record<string, unknown> = { node: node.id, approved };
      try {
        if (approved && fields) {
          given = { ...given, fields: fields.read() };
        }
      } catch (error) {
        problem.textContent = error instanceof Error ? error.message : String(error);
        return;
      }
      if (!approved && reason.value) {
        given = { ...given, reason: reason.value };
      }
      problem.textContent = '';
      made.forEach(each => (each.disabled = true));
      void this._act('workflow_answer', given).finally(() => {
        made.forEach(each => (each.disabled = false));
      });
    };
    made.push(
      button('Approve', () => send(true), { class: 'jp-mcp-wf-button jp-mcp-wf-accept' }),
      button('Decline', () => send(false))
    );
    const shown = [element('p', { class: 'jp-mcp-wf-message' }, input.message ?? '')];
    return [
      ...shown,
      ...(fields ? [fields.node] : []),
      reason,
      element('div', { class: 'jp-mcp-wf-row' }, ...made),
      problem
    ];
  }

  private readonly _title = element('h3', { tabindex: '-1' });
  private readonly _facts = element('p', { class: 'jp-mcp-wf-facts' });
  private readonly _answer = element('div', {
    class: 'jp-mcp-wf-answer',
    role: 'group',
    'aria-label': 'Your answer'
  });
  private readonly _buttons = element('div', { class: 'jp-mcp-wf-row' });
  private readonly _parts: Record<'error' | 'output' | 'input' | 'log', IPart>;
  private _offered = '';
  private _asked = '';
}

function facts(node: INode): string {
  const attempts = node.attempts ?? 0;
  const isAsked = node.kind === 'approval' && node.status === 'waiting'; // its form says what
  return [
    `${sign(node.status)} ${node.status}`,
    node.kind,
    node.id,
    duration(node),
    attempts > 1 ? `${attempts} attempts` : '',
    clock(node.started_at) && `began ${clock(node.started_at)}`,
    clock(node.ended_at) && `ended ${clock(node.ended_at)}`,
    isAsked ? '' : (node.progress?.message ?? '')
  ]
    .filter(Boolean)
    .join(' · ');
}

function part(name: string, more = ''): IPart {
  const text = element('pre', {
    class: `jp-mcp-wf-text ${more}`,
    tabindex: '0',
    'aria-label': name
  });
  return { node: element('div', { hidden: true }, element('h4', {}, name), text), text };
}

function fill({ node, text }: IPart, told: string): void {
  node.hidden = told === '';
  setText(text, told);
}

function has(value: unknown): boolean {
  return value !== undefined && value !== null;
}
