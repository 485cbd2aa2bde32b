/**
 * Where a node names others: in `needs` and `next`, in references `${nodes.ID.…}` and in expressions
 * `nodes.ID.…`. A name in a text of an expression, in code, behind `$${` or in a workflow within
 * this one means something else.
 */
type Path = (string | number)[];

/** What a node is called from now on; null where it is gone. */
export type Rename = (id: string) => string | null;

const NAMES: ReadonlySet<string> = new Set(['needs', 'next']);
const FORMULAS: ReadonlySet<string> = new Set(['when', 'expression']);
/** Texts in which nothing is put in, and workflows with nodes of their own. */
const OTHER: ReadonlySet<string> = new Set(['id', 'kind', 'title', 'code', 'workflow']);
/** Below these are people's own values, whatever their keys are called. */
const VALUES: ReadonlySet<string> = new Set([
  'arguments',
  'fields',
  'input',
  'over',
  'parameters'
]);

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const REFERENCE = new RegExp(String.raw`\$\$\{|\$\{((?:${QUOTED}|[^"}])*)\}`, 'g');
const START = new RegExp(String.raw`^( *nodes)(?:\.([A-Za-z0-9_-]+)|\[(${QUOTED})\])`);
/** Texts and comments of an expression are passed over; `nodes` is found where it is no field. */
const FORMULA = new RegExp(
  [
    String.raw`[rR](?:"""[^]*?"""|'''[^]*?'''|"[^"\n]*"|'[^'\n]*')`,
    String.raw`"""(?:[^\\]|\\[^])*?"""|'''(?:[^\\]|\\[^])*?'''`,
    String.raw`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|//[^\n]*`,
    String.raw`(?<![\w.]|\.\s+)(nodes\s*)(?:\.\s*([A-Za-z_]\w*)` +
      String.raw`|\[\s*("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')\s*\])`
  ].join('|'),
  'g'
);
const WORDS: ReadonlySet<string> = new Set(
  (
    'as break const continue else false for function if import in let loop namespace null ' +
    'package return true var void while'
  ).split(' ')
);

/** A node with the names of nodes in it changed; names of what is gone leave the lists. */
export function renamed(value: unknown, rename: Rename, path: Path = []): unknown {
  const words = path.filter(each => typeof each === 'string');
  const key = words[words.length - 1] ?? '';
  const isFree = words.some(each => VALUES.has(each));
  if (typeof value === 'string') {
    return FORMULAS.has(key) && !isFree ? inFormula(value, rename) : inText(value, rename);
  }
  if (Array.isArray(value)) {
    return NAMES.has(key) && !isFree
      ? value.flatMap((each: unknown) =>
          typeof each === 'string' ? (rename(each) ?? []) : [each]
        )
      : value.map((each: unknown, at) => renamed(each, rename, [...path, at]));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        OTHER.has(name) && !isFree ? each : renamed(each, rename, [...path, name])
      ])
    );
  }
  return value;
}

/** The names of all nodes that a node names. */
export function namesIn(node: unknown): Set<string> {
  const found = new Set<string>();
  renamed(node, id => {
    found.add(id);
    return id;
  });
  return found;
}

function inText(text: string, rename: Rename): string {
  return text.replace(REFERENCE, (whole: string, inside?: string) => {
    const found = inside === undefined ? null : START.exec(inside);
    const id = found?.[2] ?? unquoted(found?.[3]);
    const now = id === undefined ? undefined : (rename(id) ?? id);
    if (!found || inside === undefined || now === undefined || now === id) {
      return whole;
    }
    const step = /^[A-Za-z0-9_-]+$/.test(now) ? `.${now}` : `[${JSON.stringify(now)}]`;
    return `\${${found[1]}${step}${inside.slice(found[0].length)}}`;
  });
}

function inFormula(text: string, rename: Rename): string {
  const change = (whole: string, start?: string, name?: string, quoted?: string) => {
    const id = name ?? unquoted(quoted);
    const now = id === undefined ? undefined : (rename(id) ?? id);
    if (now === undefined || now === id) {
      return whole;
    }
    const isPlain = /^[A-Za-z_]\w*$/.test(now) && !WORDS.has(now);
    const mark = quoted?.[0] ?? '"';
    return isPlain && name !== undefined
      ? `${start}.${now}`
      : `${start}[${mark}${now}${mark}]`;
  };
  return text.replace(FORMULA, change);
}

function unquoted(text: string | undefined): string | undefined {
  return text?.slice(1, -1).replace(/\\(.)/g, '$1');
}
