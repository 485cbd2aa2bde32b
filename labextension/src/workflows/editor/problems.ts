/** What is wrong with a spec, as a list with ways to the lines. */
import { button, element, setText } from '../dom';
import type { IProblem } from './document';

export class Problems {
  readonly list = element('ul', { class: 'jp-mcp-wf-problems', 'aria-label': 'Problems' });
  readonly status = element('span', { class: 'jp-mcp-wf-hint', role: 'status' });

  /** @param go - Goes to a line, from 1. */
  constructor(private readonly go: (line: number) => void) {}

  /** The problems that are known. */
  get all(): readonly IProblem[] {
    return this._all;
  }

  /** Nobody knows yet whether the text is right. */
  wait(): void {
    setText(this.status, 'Checking …');
  }

  /** Why nobody knows. */
  fail(text: string): void {
    setText(this.status, text);
  }

  show(problems: readonly IProblem[]): void {
    this._all = problems;
    const rows = problems.map(({ place, message, remedy, line }) => {
      const name = line ? `Line ${line}` : place || 'Workflow';
      const where = line ? button(name, () => this.go(line)) : element('strong', {}, name);
      return element('li', {}, where, ` ${[message, remedy].filter(Boolean).join(' ')}`);
    });
    this.list.replaceChildren(...rows);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    setText(this.status, problems.length ? `✕ ${count}` : '✓ Nothing is wrong with it');
  }

  private _all: readonly IProblem[] = [];
}
