/** A list of nodes as boxes to tick: this is how nodes are connected. */
import { element } from '../dom';
import { problemLine, type IField } from '../fields';

/** Choose among the names of other nodes; names of nodes that are gone stay until unticked. */
export function nameBoxes(
  title: string,
  hint: string,
  names: readonly string[],
  value: unknown,
  changed: () => void
): IField {
  const given = Array.isArray(value) ? value.map(String) : [];
  const all = [...new Set([...names, ...given])];
  const boxes = all.map(name => {
    const input = element('input', { type: 'checkbox', value: name, change: changed });
    input.checked = given.includes(name);
    return input;
  });
  const node = element(
    'fieldset',
    { class: 'jp-mcp-wf-group' },
    element('legend', {}, title),
    ...boxes.map((box, at) => element('label', { class: 'jp-mcp-wf-tick' }, box, all[at]!)),
    element('div', { class: 'jp-mcp-wf-hint' }, hint),
    problemLine()
  );
  const read = (): unknown => {
    const chosen = boxes.filter(box => box.checked).map(box => box.value);
    return chosen.length || value !== undefined ? chosen : undefined;
  };
  return { node, read };
}
