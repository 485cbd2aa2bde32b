/**
 * Forms made from a JSON Schema: one control for each property, named by its label and described
 * by the schema's text. What is too free for a control of its own is text in a notation that the
 * caller brings (JSON, or YAML in the editor).
 */
import { button, element, newId, shown } from './dom';

export interface ISchema {
  $ref?: string;
  $defs?: Record<string, ISchema>;
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, ISchema>;
  required?: string[];
  items?: ISchema;
  anyOf?: ISchema[];
  oneOf?: ISchema[];
  minimum?: number;
  maximum?: number;
}

/** How free values are written and read. */
export interface INotation {
  print(value: unknown): string;
  /** Raises an error in words for a text that cannot be read. */
  parse(text: string): unknown;
}

export const JSON_NOTATION: INotation = {
  print: shown,
  parse: text => JSON.parse(text) as unknown
};

/** A control with its label; `read` returns undefined where nothing is given. */
export interface IField {
  node: HTMLElement;
  read(): unknown;
}

export interface IOptions {
  notation?: INotation;
  /** The schema in whose `$defs` references lead. */
  root?: ISchema;
  changed?: () => void;
  /** Another control for a property. */
  special?: (name: string, schema: ISchema, value: unknown) => IField | null;
  /** Names of texts that have several lines. */
  long?: ReadonlySet<string>;
  /** Where the object stands in the whole, as problems name places: `nodes[2].retry`. */
  path?: string;
}

/** A schema without its reference and without `null`. */
export function resolved(schema: ISchema, root: ISchema = schema): ISchema {
  const choices = schema.anyOf?.filter(each => each.type !== 'null');
  if (choices?.length === 1) {
    return resolved({ ...choices[0], ...without(schema, 'anyOf') }, root);
  }
  const name = schema.$ref?.split('/').pop();
  const target = name === undefined ? undefined : root.$defs?.[name];
  if (target === undefined) {
    return schema;
  }
  return resolved({ ...target, ...without(schema, '$ref') }, root);
}

function without<T extends object>(of: T, name: keyof T): T {
  return Object.fromEntries(Object.entries(of).filter(([each]) => each !== name)) as T;
}

/** The fields of an object. */
export function form(schema: ISchema, value: unknown, options: IOptions = {}): IField {
  const root = options.root ?? schema;
  const object = resolved(schema, root);
  const given = isObject(value) ? value : {};
  const node = element('div', { class: 'jp-mcp-wf-fields' });
  const fields = new Map<string, IField>();
  const required = new Set(object.required ?? []);
  for (const [name, raw] of Object.entries(object.properties ?? {})) {
    const property = resolved(raw, root);
    if (property.const !== undefined) {
      continue;
    }
    const path = options.path ? `${options.path}.${name}` : name;
    const made =
      options.special?.(name, property, given[name]) ??
      field(name, property, given[name], required.has(name), { ...options, root, path });
    made.node.dataset['path'] = path;
    fields.set(name, made);
    node.append(made.node);
  }
  const read = (): unknown => {
    const found: Record<string, unknown> = { ...given };
    for (const [name, each] of fields) {
      const told = each.read();
      if (told === undefined) {
        Reflect.deleteProperty(found, name);
      } else {
        found[name] = told;
      }
    }
    return found;
  };
  return { node, read };
}

/** One property with its label. */
export function field(
  name: string,
  schema: ISchema,
  value: unknown,
  isRequired: boolean,
  options: IOptions
): IField {
  const type = typeof schema.type === 'string' ? schema.type : '';
  if (type === 'object' && schema.properties !== undefined) {
    return nested(name, schema, value, isRequired, options);
  }
  if (type === 'array' && isObjects(schema, options)) {
    return list(name, schema, value, options);
  }
  const control = controlFor(name, schema, value, isRequired, options);
  const id = newId();
  control.input.id = id;
  control.input.addEventListener('change', () => options.changed?.());
  const label = element('label', { for: id }, schema.title ?? name);
  if (isRequired) {
    label.append(element('span', { class: 'jp-mcp-wf-hint' }, ' (required)'));
    control.input.setAttribute('aria-required', 'true');
  }
  const node = element('div', { class: 'jp-mcp-wf-field' }, label, control.input);
  const problem = problemLine();
  problem.id = `${id}-problem`;
  if (schema.description) {
    node.append(
      element('div', { class: 'jp-mcp-wf-hint', id: `${id}-hint` }, schema.description)
    );
  }
  node.append(problem);
  control.input.setAttribute('aria-describedby', `${id}-hint ${id}-problem`);
  return { node, read: () => checked(control, problem) };
}

/** Where a problem of a field is told. */
export function problemLine(): HTMLElement {
  return element('div', { class: 'jp-mcp-wf-problem jp-mcp-wf-here' });
}

interface IControl {
  input: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
  read(): unknown;
}

/** Read a control, and say beside it what cannot be read. */
function checked(control: IControl, problem: HTMLElement): unknown {
  try {
    const value = control.read();
    problem.textContent = '';
    control.input.removeAttribute('aria-invalid');
    return value;
  } catch (error) {
    problem.textContent = error instanceof Error ? error.message : String(error);
    control.input.setAttribute('aria-invalid', 'true');
    throw error;
  }
}

function controlFor(
  name: string,
  schema: ISchema,
  value: unknown,
  isRequired: boolean,
  options: IOptions
): IControl {
  const start = value ?? (isRequired ? schema.default : undefined);
  if (schema.enum !== undefined) {
    return choice(schema.enum.map(String), start, isRequired);
  }
  switch (schema.type) {
    case 'boolean':
      return truth(start);
    case 'integer':
    case 'number':
      return figure(schema, start);
    case 'string':
      return text(start, options.long?.has(name) ?? false);
    default:
      return free(schema, start, options.notation ?? JSON_NOTATION);
  }
}

function choice(names: string[], value: unknown, isRequired: boolean): IControl {
  const input = element('select');
  for (const name of isRequired ? names : ['', ...names]) {
    input.append(element('option', { value: name }, name));
  }
  if (value !== undefined) {
    input.value = shown(value);
  }
  return { input, read: () => (input.value === '' ? undefined : input.value) };
}

function truth(value: unknown): IControl {
  const input = element('input', { type: 'checkbox' });
  input.checked = value === true;
  const wasGiven = value !== undefined;
  return { input, read: () => (input.checked || wasGiven ? input.checked : undefined) };
}

function figure(schema: ISchema, value: unknown): IControl {
  const isWhole = schema.type === 'integer';
  const input = element('input', { type: 'text', inputmode: isWhole ? 'numeric' : 'decimal' });
  input.value = value === undefined || value === null ? '' : shown(value);
  if (schema.default !== undefined && schema.default !== null) {
    input.placeholder = shown(schema.default);
  }
  const read = (): unknown => {
    const told = input.value.trim();
    if (told === '') {
      return undefined;
    }
    const number = Number(told);
    if (Number.isNaN(number) || (isWhole && !Number.isInteger(number))) {
      throw new Error(`'${told}' is no ${isWhole ? 'whole ' : ''}number.`);
    }
    if (number < (schema.minimum ?? -Infinity) || number > (schema.maximum ?? Infinity)) {
      throw new Error(`From ${schema.minimum ?? '…'} to ${schema.maximum ?? '…'}.`);
    }
    return number;
  };
  return { input, read };
}

function text(value: unknown, isLong: boolean): IControl {
  const input = isLong
    ? element('textarea', { rows: '3', spellcheck: 'false' })
    : element('input', { type: 'text', spellcheck: 'false' });
  input.value = value === undefined || value === null ? '' : shown(value);
  return { input, read: () => (input.value === '' ? undefined : input.value) };
}

function free(schema: ISchema, value: unknown, notation: INotation): IControl {
  const input = element('textarea', { rows: '2', spellcheck: 'false' });
  const isList = schema.type === 'array' && schema.items?.type === 'string';
  const isPlain = isList && Array.isArray(value);
  input.value =
    value === undefined || value === null
      ? ''
      : isPlain
        ? value.map(String).join(', ')
        : notation.print(value);
  const read = (): unknown => {
    const told = input.value.trim();
    if (told === '') {
      return undefined;
    }
    if (isList && !told.startsWith('[')) {
      return told.split(/[\s,]+/).filter(Boolean);
    }
    return notation.parse(told);
  };
  return { input, read };
}

function nested(
  name: string,
  schema: ISchema,
  value: unknown,
  isRequired: boolean,
  options: IOptions
): IField {
  const fields = form(schema, value, without(options, 'special'));
  const node = element('details', { class: 'jp-mcp-wf-group' });
  node.open = isRequired || value !== undefined;
  node.append(element('summary', {}, schema.title ?? name), fields.node, problemLine());
  const read = (): unknown => {
    const told = fields.read() as object;
    return Object.keys(told).length || isRequired ? told : undefined;
  };
  return { node, read };
}

function list(name: string, schema: ISchema, value: unknown, options: IOptions): IField {
  const items = element('div');
  const fields: { row: HTMLElement; field: IField }[] = [];
  const add = (given: unknown) => {
    const path = `${options.path ?? name}[${fields.length}]`;
    const made = form(schema.items!, given, { ...options, path });
    const row = element('fieldset', { class: 'jp-mcp-wf-group', 'data-path': path });
    const remove = button('Remove', () => {
      fields.splice(
        fields.findIndex(each => each.row === row),
        1
      );
      row.remove();
      options.changed?.();
    });
    row.append(element('legend', {}, `${schema.title ?? name} ${fields.length + 1}`));
    row.append(made.node, remove, problemLine());
    items.append(row);
    fields.push({ row, field: made });
    return row;
  };
  (Array.isArray(value) ? value : []).forEach(add);
  const more = button(`Add to ${schema.title ?? name}`, () => {
    add(undefined).querySelector<HTMLElement>('input, select, textarea')?.focus();
  });
  const node = element('div', { class: 'jp-mcp-wf-field', role: 'group', 'aria-label': name });
  node.append(element('div', {}, schema.title ?? name), items, more, problemLine());
  const read = (): unknown =>
    fields.length ? fields.map(({ field }) => field.read()) : undefined;
  return { node, read };
}

function isObjects(schema: ISchema, options: IOptions): boolean {
  return (
    schema.items !== undefined &&
    resolved(schema.items, options.root ?? schema).properties !== undefined
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
