/**
 * The text of a spec and what it says, in step: what a form changes is changed in the text where it
 * stands, so that comments and order stay.
 */
import {
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
  type Document,
  parse
} from 'yaml';

import type { INotation } from '../fields';
import { namesIn, renamed, type Rename } from './references';

export interface IProblem {
  place: string;
  message: string;
  remedy?: string;
  line?: number;
  column?: number;
}

export type NodeData = Record<string, unknown> & { id: string; kind: string };

/** As the server reads it: YAML 1.2, in which `yes` and dates are text. */
const READING = { version: '1.2', schema: 'core', merge: false } as const;
const WRITING = { lineWidth: 100, indentSeq: true, flowCollectionPadding: false };

/** By how many characters a name may make a line longer. */
const LONGER = 64;

/** Free values as YAML, of which JSON is a part. */
export const YAML_NOTATION: INotation = {
  print: value => (typeof value === 'string' ? value : stringify(value, WRITING).trimEnd()),
  parse: text => {
    try {
      return parse(text, READING) as unknown;
    } catch (error) {
      throw new Error(firstLine(error), { cause: error });
    }
  }
};

export class SpecDocument {
  /** The text as a person wrote it or as the forms made it. */
  text = '';

  constructor(text: string) {
    this.read(text);
  }

  /** Read another text; what is wrong with it is in `problems`, and then the data stays. */
  read(text: string): void {
    this.text = text;
    const lines = new LineCounter();
    const read = parseDocument(text, { ...READING, lineCounter: lines });
    this._problems = read.errors.map(error => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { place: '', message: firstLine(error), line, column: col };
    });
    if (this._problems.length === 0 && !isMap(read.contents) && text.trim() !== '') {
      this._problems = [{ place: '', message: 'A workflow is a mapping: name, nodes, …' }];
    }
    if (this._problems.length === 0) {
      this._document = read;
    }
  }

  /** What cannot be read. */
  get problems(): readonly IProblem[] {
    return this._problems;
  }

  /** What the text says, or said when it could be read last. */
  get data(): Record<string, unknown> {
    const data: unknown = this._document.toJS({ maxAliasCount: 100 });
    return isObject(data) ? data : {};
  }

  /** The nodes, those without an id or kind included. */
  get nodes(): NodeData[] {
    const { nodes } = this.data;
    return (Array.isArray(nodes) ? nodes : []).map((node: unknown, at) => {
      const found = isObject(node) ? node : {};
      return {
        ...found,
        id: word(found['id'], `node_${at + 1}`),
        kind: word(found['kind'], '')
      };
    });
  }

  /** Give an object new values; what is the same is not touched. Returns whether something changed. */
  merge(path: (string | number)[], value: Record<string, unknown>): boolean {
    const old = path.reduce<unknown>(
      (at, key) => (at as Record<string | number, unknown> | undefined)?.[key],
      this.data
    );
    const before = isObject(old) ? old : {};
    let isChanged = false;
    for (const key of new Set([...Object.keys(before), ...Object.keys(value)])) {
      if (JSON.stringify(before[key]) === JSON.stringify(value[key])) {
        continue;
      }
      isChanged = true;
      if (value[key] === undefined) {
        this._document.deleteIn([...path, key]);
      } else {
        this._put([...path, key], value[key]);
      }
    }
    if (isChanged) {
      this._write();
    }
    return isChanged;
  }

  /** Add a node and return where it stands. */
  add(node: NodeData): number {
    const at = this.nodes.length;
    if (at === 0) {
      this._document.set('nodes', this._document.createNode([node]));
    } else {
      this._document.addIn(['nodes'], this._document.createNode(node));
    }
    this._write();
    return at;
  }

  /** Take a node away, and it from the lists of those that need or choose it. */
  remove(at: number): void {
    const gone = this.nodes[at]?.id;
    this._document.deleteIn(['nodes', at]);
    this._rename(id => (id === gone ? null : id));
    this._write();
  }

  /** Let all that name a node name it as it is called now. */
  follow(old: string, now: string): void {
    this._rename(id => (id === old ? now : id));
    this._write();
  }

  /** The nodes that need a node, choose it or refer to it. */
  users(of: string): string[] {
    return this.nodes
      .filter(each => each.id !== of && namesIn(each).has(of))
      .map(({ id }) => id);
  }

  /** Set a value where it stands, so that its comments and its style stay. */
  private _put(path: (string | number)[], value: unknown): void {
    const there = this._document.getIn(path, true);
    const isPlain = typeof value !== 'object' || value === null;
    if (isScalar(there) && isPlain) {
      there.value = value;
      if (typeof value === 'string' && value.includes('\n')) {
        delete there.type; // several lines are written as a block
      }
    } else if (isMap(there) && isObject(value)) {
      for (const key of Object.keys(there.toJSON() as object).filter(key => !(key in value))) {
        this._document.deleteIn([...path, key]);
      }
      Object.entries(value).forEach(([key, each]) => this._put([...path, key], each));
    } else if (isSeq(there) && Array.isArray(value) && value.length === there.items.length) {
      value.forEach((each, at) => this._put([...path, at], each));
    } else {
      const made = this._document.createNode(value);
      if (isCollection(made) && isCollection(there) && there.flow) {
        made.flow = true;
      }
      this._document.setIn(path, made);
    }
  }

  private _rename(rename: Rename): void {
    const { nodes } = this.data;
    (Array.isArray(nodes) ? nodes : []).forEach((node: unknown, at) => {
      this._change(['nodes', at], node, renamed(node, rename));
    });
  }

  /** Change of a value what is another one, so that all else stays as it is written. */
  private _change(path: (string | number)[], old: unknown, now: unknown): void {
    if (JSON.stringify(old) === JSON.stringify(now)) {
      return;
    }
    if (isObject(old) && isObject(now)) {
      Object.keys(old).forEach(key => this._change([...path, key], old[key], now[key]));
    } else if (Array.isArray(old) && Array.isArray(now) && old.length === now.length) {
      old.forEach((each, at) => this._change([...path, at], each, now[at]));
    } else if (Array.isArray(old) && Array.isArray(now)) {
      const gone = old.flatMap((each, at) => (now.includes(each) ? [] : [at]));
      gone.reverse().forEach(at => this._document.deleteIn([...path, at]));
    } else {
      this._put(path, now);
    }
  }

  private _write(): void {
    const longest = Math.max(...this.text.split('\n').map(({ length }) => length));
    const lineWidth = Math.max(WRITING.lineWidth, longest + LONGER); // lines stay lines
    this.text = this._document.toString({ ...WRITING, lineWidth });
    this._problems = [];
  }

  private _document: Document = parseDocument('');
  private _problems: IProblem[] = [];
}

/** What a node refers to and what leads to it, as far as the text shows. */
export function needsOf(node: NodeData, nodes: readonly NodeData[]): string[] {
  const known = new Set(nodes.map(({ id }) => id));
  const own = { ...node, branches: whens(node), otherwise: undefined };
  const chosen = nodes.filter(other => choices(other).includes(node.id)).map(({ id }) => id);
  return [...new Set([...namesIn(own), ...chosen])].filter(
    id => id !== node.id && known.has(id)
  );
}

/** What a decision asks, without what it chooses. */
function whens(node: NodeData): unknown {
  const branches: unknown = node['branches'];
  return (Array.isArray(branches) ? branches : []).map((each: unknown) =>
    isObject(each) ? { when: each['when'] } : {}
  );
}

function choices(node: NodeData): string[] {
  const branches: unknown = node['branches'];
  const ways: unknown[] = Array.isArray(branches) ? branches.concat(node['otherwise']) : [];
  return ways.flatMap(way =>
    isObject(way) && Array.isArray(way['next']) ? way['next'].map(String) : []
  );
}

function word(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value ? value : otherwise;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]!.replace(/ at line \d+.*$/, '');
}

/** An object without one of its keys. */
export function without<T extends object>(of: T, name: string): Partial<T> {
  return Object.fromEntries(
    Object.entries(of).filter(([each]) => each !== name)
  ) as Partial<T>;
}
