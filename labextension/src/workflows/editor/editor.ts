/**
 * A simple editor of workflows: the graph to choose a node from, a form for it, and the YAML beside
 * it. Whatever is changed on one side shows on the other at once; the server checks the text.
 */
import { button, element, setText } from '../dom';
import type { ISchema } from '../fields';
import { Graph } from '../graph';
import type { INode } from '../run';
import { needsOf, SpecDocument, without, type IProblem, type NodeData } from './document';
import { kindsOf, nodeForm, specForm, tell, type INodeForm } from './node-form';
import { Problems } from './problems';
import { askForParameters } from './start-form';
import { TextPane } from './text-pane';

/** The way to the server; what fails is told in a line. */
export interface IEditorDoor {
  check(text: string): Promise<IProblem[]>;
  start(text: string, parameters: Record<string, unknown>): Promise<void>;
  /** Absent where there is no file. */
  save?: (text: string) => Promise<void>;
}

/** How long nothing has to change before the server is asked. */
const STILL_MS = 300;

export class Editor {
  readonly node = element('div', {
    class: 'jp-mcp-wf jp-mcp-wf-editor',
    'data-lm-suppress-shortcuts': 'true'
  });

  /** @param saved - What the file has, which is the text unless it says otherwise. */
  constructor(
    private readonly _door: IEditorDoor,
    private readonly _schema: ISchema,
    text: string,
    saved = text
  ) {
    this._document = new SpecDocument(text);
    this._text = new TextPane(text, changed => this._read(changed), this._problems.list);
    this._saved = saved;
    this._graph = new Graph(
      id => this._select(id),
      node => [node.kind, node.error?.message ?? ''].filter(Boolean).join(' · ')
    );
    this.node.addEventListener('keydown', event => this._pressed(event));
    this.node.append(this._head(), this._run, this._body());
    this._show();
    this._check();
  }

  dispose(): void {
    window.clearTimeout(this._asking);
    this._text.dispose();
    this._graph.dispose();
  }

  /** The text as it is now. */
  get text(): string {
    return this._document.text;
  }

  private _head(): HTMLElement {
    const kind = element('select', { 'aria-label': 'Kind of the new node' });
    for (const name of kindsOf(this._schema).keys()) {
      kind.append(element('option', { value: name }, name));
    }
    const { undo, redo } = this._text;
    return element(
      'div',
      { class: 'jp-mcp-wf-head' },
      button('Workflow', () => this._select(null), { title: 'Name, parameters and more' }),
      element(
        'span',
        { class: 'jp-mcp-wf-row', role: 'group', 'aria-label': 'New node' },
        kind,
        button('Add node', () => this._add(kind.value))
      ),
      element('span', { class: 'jp-mcp-wf-row' }, undo, redo),
      button('Run …', () => this._offer()),
      ...(this._door.save ? [button('Save', () => void this._save()), this._unsaved] : []),
      this._problems.status,
      this._note
    );
  }

  private _body(): HTMLElement {
    const left = element('div', { class: 'jp-mcp-wf-nodes' }, this._graph.node, this._place);
    return element('div', { class: 'jp-mcp-wf-body' }, left, this._text.node);
  }

  private _pressed(event: KeyboardEvent): void {
    if ((event.ctrlKey || event.metaKey) && event.key === 's' && this._door.save) {
      event.preventDefault();
      void this._save();
    }
  }

  /** Whether forms may change the text: not while it cannot be read, as that would be lost. */
  private _mayChange(): boolean {
    this._text.settle();
    const isReadable = this._document.problems.length === 0;
    if (!isReadable) {
      const [{ line } = { line: 0 }] = this._document.problems;
      this._say(`Mend the YAML first${line ? `, line ${line}` : ''}.`);
      this._drawn = '';
    }
    return isReadable;
  }

  /** Take another text. */
  private _read(text: string): void {
    const at = this._index();
    const count = this._document.nodes.length;
    this._document.read(text);
    const { nodes } = this._document;
    if (at >= 0 && this._index() < 0 && nodes.length === count) {
      this._selected = nodes[at]!.id; // it has another name now
    }
    this._changed('');
  }

  /** Take what was changed in the form. */
  private _write(): void {
    if (!this._mayChange()) {
      return;
    }
    const at = this._index();
    let read: Record<string, unknown>;
    try {
      read = this._form!.read();
    } catch {
      return; // the field says what cannot be read
    }
    const id = read['id'];
    const wrong = at < 0 ? '' : this._wrongId(id);
    this._refused = wrong ? [{ place: `nodes[${at}].id`, message: wrong }] : [];
    this._mark();
    if (wrong || !this._document.merge(at < 0 ? [] : ['nodes', at], read)) {
      return;
    }
    if (at < 0) {
      this._drawn = this._key();
    }
    this._changed(at < 0 ? '' : this._follow(at, String(id)));
  }

  private _wrongId(id: unknown): string {
    if (typeof id !== 'string' || id === '') {
      return 'A node needs an id.';
    }
    const isTaken = this._document.nodes.some(each => each.id === id);
    return id !== this._selected && isTaken ? `There is another node '${id}'.` : '';
  }

  /** Let others name a node as it is called now, and say so; a form that is true stays. */
  private _follow(at: number, now: string): string {
    const old = this._selected!;
    const own = JSON.stringify(this._document.nodes[at]);
    const users = this._document.users(old).filter(id => id !== now);
    if (now !== old) {
      this._document.follow(old, now);
      this._selected = now;
      setText(this._place.querySelector('h3')!, now);
    }
    this._drawn = JSON.stringify(this._document.nodes[at]) === own ? this._key() : '';
    const isTold = now !== old && users.length > 0;
    return isTold ? `${listed(users)} ${users.length > 1 ? 'name' : 'names'} it so too.` : '';
  }

  private _select(id: string | null): void {
    this._text.settle();
    this._selected = id;
    this._renew();
    this._graph.reveal(id ?? '');
    this._place.querySelector<HTMLElement>('h3')?.focus();
  }

  private _add(kind: string): void {
    if (!this._mayChange()) {
      return;
    }
    const names = new Set(this._document.nodes.map(({ id }) => id));
    let count = names.size + 1;
    while (names.has(`${kind}_${count}`)) {
      count += 1;
    }
    const id = `${kind}_${count}`;
    const needs = this._selected === null ? {} : { needs: [this._selected] };
    this._document.add({ id, kind, ...needs });
    this._changed('');
    this._select(id);
  }

  private _remove(): void {
    const id = this._selected;
    if (id === null || !this._mayChange()) {
      return;
    }
    const users = this._document.users(id);
    this._document.remove(this._index());
    const used = users.length ? `, which ${listed(users)} used` : '';
    this._changed(`Removed '${id}'${used}. Undo brings it back.`);
    this._select(null);
  }

  /** Another kind keeps what both have. */
  private _turn(kind: string): void {
    if (!this._mayChange()) {
      return;
    }
    const at = this._index();
    const known = kindsOf(this._schema).get(kind)?.properties ?? {};
    const old = this._document.nodes[at]!;
    const kept = Object.fromEntries(Object.entries(old).filter(([name]) => name in known));
    this._document.merge(['nodes', at], { ...kept, kind });
    this._changed('');
  }

  /** The text is another one: show it everywhere, and ask whether it is right. */
  private _changed(note: string): void {
    this._text.show(this.text);
    this._say(note);
    this._show();
    this._check();
  }

  private _show(): void {
    const isReadable = this._document.problems.length === 0;
    setText(this._unsaved, this.text === this._saved ? '' : '● Not saved');
    this._place.inert = !isReadable;
    if (isReadable) {
      this._renew();
    }
  }

  /** Show the graph and the form as the text has them; a form that is the same stays. */
  private _renew(): void {
    if (this._selected !== null && this._index() < 0) {
      this._selected = null;
    }
    this._draw();
    const key = this._key();
    if (key === this._drawn && this._form) {
      return;
    }
    this._drawn = key;
    const at = this._index();
    const changed = () => this._write();
    const others = this._document.nodes
      .map(({ id }) => id)
      .filter(id => id !== this._selected);
    this._form =
      at < 0
        ? specForm(this._schema, this._document.data, changed)
        : nodeForm(this._schema, at, this._document.nodes[at]!, others, {
            changed,
            kind: kind => this._turn(kind),
            remove: () => this._remove()
          });
    this._place.replaceChildren(this._form.node);
    this._refused = [];
    this._mark();
  }

  /** Tell the fields of the form what is wrong with them. */
  private _mark(): void {
    if (this._form) {
      tell(this._form.node, [...this._problems.all, ...this._refused]);
    }
  }

  private _key(): string {
    const names = this._document.nodes.map(({ id }) => id);
    const at = this._index();
    const spec = without(this._document.data, 'nodes');
    return JSON.stringify([this._selected, names, at < 0 ? spec : this._document.nodes[at]]);
  }

  private _draw(): void {
    const nodes = this._document.nodes;
    const wrong = this._problems.all.map(({ place }) => /^nodes\[(\d+)\]/.exec(place)?.[1]);
    const drawn = nodes.map((node, at) => drawnNode(node, nodes, wrong.includes(String(at))));
    this._graph.update(drawn, this._selected);
  }

  private _index(): number {
    return this._selected === null
      ? -1
      : this._document.nodes.findIndex(({ id }) => id === this._selected);
  }

  /** Ask the server about the text, when nobody has changed it for a moment. */
  private _check(): void {
    window.clearTimeout(this._asking);
    if (this._document.problems.length) {
      this._tell(this._document.problems);
      return;
    }
    const { text } = this;
    this._problems.wait();
    this._asking = window.setTimeout(() => {
      this._door.check(text).then(
        problems => text === this.text && this._tell(problems),
        (error: unknown) => text === this.text && this._problems.fail(words(error))
      );
    }, STILL_MS);
  }

  private _tell(problems: readonly IProblem[]): void {
    this._problems.show(problems);
    this._draw();
    this._mark();
  }

  private async _save(): Promise<void> {
    this._text.settle();
    const { text } = this;
    if (await this._told(this._door.save!(text), 'Saving …', 'Saved.')) {
      this._saved = text;
      this._show();
    }
  }

  /** Ask for the parameters, and start. */
  private _offer(): void {
    if (this._mayChange()) {
      const schema = this._document.data['parameters'] as ISchema | undefined;
      askForParameters(this._run, schema ?? {}, given =>
        this._told(this._door.start(this.text, given), 'Starting …', 'Started.')
      );
    }
  }

  private _say(text: string): void {
    setText(this._note, text);
  }

  /** Wait for what was asked for and say how it went. */
  private async _told(work: Promise<void>, going: string, done: string): Promise<boolean> {
    this._say(going);
    try {
      await work;
      this._say(done);
      return true;
    } catch (error) {
      this._say(words(error));
      return false;
    }
  }

  private readonly _document: SpecDocument;
  private readonly _graph: Graph;
  private readonly _place = element('section', {
    class: 'jp-mcp-wf-form',
    'aria-label': 'Form'
  });
  private readonly _run = element('div');
  private readonly _problems = new Problems(line => this._text.go(line));
  private readonly _note = element('span', { class: 'jp-mcp-wf-note', role: 'status' });
  private readonly _unsaved = element('span', { class: 'jp-mcp-wf-unsaved' });
  private readonly _text: TextPane;
  private _saved: string;
  private _selected: string | null = null;
  private _form: INodeForm | null = null;
  /** What the form has and the text does not get. */
  private _refused: readonly IProblem[] = [];
  private _drawn = '';
  private _asking = 0;
}

function drawnNode(node: NodeData, nodes: readonly NodeData[], isWrong: boolean): INode {
  const { id, kind } = node;
  return {
    id,
    kind,
    title: typeof node['title'] === 'string' ? node['title'] : null,
    needs: needsOf(node, nodes),
    status: isWrong ? 'failed' : 'pending',
    ...(isWrong ? { error: { message: 'has problems' } } : {})
  };
}

function listed(names: readonly string[]): string {
  const all = names.map(name => `'${name}'`);
  return [all.slice(0, -1).join(', '), ...all.slice(-1)].filter(Boolean).join(' and ');
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
