/** Asks for a workflow's parameters before it starts. */
import { button, element } from '../dom';
import { form, type ISchema } from '../fields';
import { YAML_NOTATION } from './document';

/**
 * Show the form in a place, and the focus in it.
 *
 * @param start - Starts it; returns whether it has.
 */
export function askForParameters(
  place: HTMLElement,
  schema: ISchema,
  start: (given: Record<string, unknown>) => Promise<boolean>
): void {
  const fields = form(schema, undefined, { notation: YAML_NOTATION });
  const go = async () => {
    let given: Record<string, unknown>;
    try {
      given = fields.read() as Record<string, unknown>;
    } catch {
      return; // the field says what cannot be read
    }
    begin.disabled = true;
    if (await start(given)) {
      place.replaceChildren();
    }
    begin.disabled = false;
  };
  const begin = button('Start', () => void go(), {
    class: 'jp-mcp-wf-button jp-mcp-wf-accept'
  });
  const close = button('Not now', () => place.replaceChildren());
  place.replaceChildren(
    element(
      'section',
      { class: 'jp-mcp-wf-start', 'aria-label': 'Run' },
      fields.node,
      element('div', { class: 'jp-mcp-wf-row' }, begin, close)
    )
  );
  (place.querySelector<HTMLElement>('input, select, textarea') ?? begin).focus();
}
