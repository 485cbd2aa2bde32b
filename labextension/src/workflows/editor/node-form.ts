/** The form of one node, or of the workflow itself, made from the spec's JSON Schema. */
import { button, element } from '../dom';
import { form, resolved, type IField, type ISchema } from '../fields';
import { without, YAML_NOTATION, type IProblem, type NodeData } from './document';
import { nameBoxes } from './names';

const LONG = new Set(['code', 'expression', 'body', 'message', 'description']);
/** What is shown first; what is there for special cases comes after what the kind needs. */
const FIRST = ['id', 'title', 'needs'];
const LAST = ['when', 'retry', 'timeout', 'compensate', 'idempotency_key', 'resources'];

export interface INodeForm {
  node: HTMLElement;
  read(): Record<string, unknown>;
}

/** The schemas of nodes by their kind. */
export function kindsOf(root: ISchema): Map<string, ISchema> {
  const spec = resolved(root, root);
  const choices = spec.properties?.['nodes']?.items?.oneOf ?? [];
  return new Map(
    choices.map(choice => {
      const schema = resolved(choice, root);
      return [String(schema.properties?.['kind']?.const), schema];
    })
  );
}

/** The form of a node. */
export function nodeForm(
  root: ISchema,
  at: number,
  data: NodeData,
  others: readonly string[],
  does: { changed: () => void; kind: (kind: string) => void; remove: () => void }
): INodeForm {
  const kinds = kindsOf(root);
  const schema = ordered(kinds.get(data.kind) ?? { properties: {} });
  const fields = form(schema, data, {
    root: root,
    notation: YAML_NOTATION,
    long: LONG,
    path: `nodes[${at}]`,
    changed: does.changed,
    special: (name, property, value) =>
      name === 'needs' || name === 'next'
        ? nameBoxes(name, property.description ?? '', others, value, does.changed)
        : null
  });
  const kind = element('select', { 'aria-label': 'Kind' });
  for (const name of kinds.has(data.kind) ? kinds.keys() : [data.kind, ...kinds.keys()]) {
    kind.append(element('option', { value: name }, name));
  }
  kind.value = data.kind;
  kind.addEventListener('change', () => does.kind(kind.value));
  const head = element(
    'div',
    { class: 'jp-mcp-wf-row' },
    element('h3', { tabindex: '-1' }, data.id),
    kind,
    button('Remove node', does.remove)
  );
  const hint = element('p', { class: 'jp-mcp-wf-hint' }, schema.description ?? '');
  return { node: element('div', {}, head, hint, fields.node), read: reader(fields) };
}

/** The form of the workflow without its nodes. */
export function specForm(
  root: ISchema,
  data: Record<string, unknown>,
  changed: () => void
): INodeForm {
  const properties = without(resolved(root, root).properties ?? {}, 'nodes') as Record<
    string,
    ISchema
  >;
  const schema: ISchema = { type: 'object', properties, required: ['name'] };
  const fields = form(schema, data, { root, notation: YAML_NOTATION, long: LONG, changed });
  const head = element('h3', { tabindex: '-1' }, 'Workflow');
  return { node: element('div', {}, head, fields.node), read: reader(fields) };
}

/** Say problems where their places are in a form; returns those that have none there. */
export function tell(root: HTMLElement, problems: readonly IProblem[]): void {
  for (const line of root.querySelectorAll('.jp-mcp-wf-here')) {
    line.textContent = '';
  }
  for (const marked of root.querySelectorAll('[aria-invalid]')) {
    marked.removeAttribute('aria-invalid');
  }
  const fields = [...root.querySelectorAll<HTMLElement>('[data-path]')];
  for (const { place, message, remedy } of problems) {
    const near = fields
      .filter(({ dataset }) => isWithin(place, dataset['path'] ?? ''))
      .sort((one, other) => other.dataset['path']!.length - one.dataset['path']!.length)[0];
    const line = near?.querySelector(':scope > .jp-mcp-wf-here');
    if (near && line) {
      line.textContent = [line.textContent, message, remedy].filter(Boolean).join(' ');
      near
        .querySelector(':scope > :is(input, select, textarea)')
        ?.setAttribute('aria-invalid', 'true');
      near.closest('details')?.setAttribute('open', '');
    }
  }
}

function isWithin(place: string, path: string): boolean {
  return place === path || place.startsWith(`${path}.`) || place.startsWith(`${path}[`);
}

function ordered(schema: ISchema): ISchema {
  const all = schema.properties ?? {};
  const names = Object.keys(all);
  const middle = names.filter(name => !FIRST.includes(name) && !LAST.includes(name));
  const sorted = [...FIRST, ...middle, ...LAST].filter(name => name in all);
  return { ...schema, properties: Object.fromEntries(sorted.map(name => [name, all[name]!])) };
}

function reader(fields: IField): () => Record<string, unknown> {
  return () => fields.read() as Record<string, unknown>;
}
