/** The editor of workflows in a notebook's output, with the run that was started below it. */
import { Editor } from '../workflows/editor/editor';
import type { IProblem } from '../workflows/editor/document';
import type { ISchema } from '../workflows/fields';
import type { RunView } from '../workflows/view';
import { caller, type Call } from './caller';
import { listen, statusLine, type IModel, type IRender } from './model';
import type { IRun } from '../workflows/run';
import { runView } from './run-view';

type IMessage =
  | { kind: 'open'; text: string; schema: ISchema; file: string; saved?: string }
  | { kind: 'run'; run: IRun }
  | { kind: 'same' }
  | { kind: 'failure'; text: string };

function newEditor(model: IModel, call: Call, message: IMessage & { kind: 'open' }): Editor {
  return new Editor(
    {
      check: async text => {
        model.send({ kind: 'text', text });
        const told = (await call('workflow_check', { spec: text })) as {
          problems?: IProblem[];
        };
        return told.problems ?? [];
      },
      start: async (text, parameters) => {
        await call('workflow_start', { spec: text, parameters });
      },
      ...(message.file
        ? {
            save: async text => {
              await call('save', { text });
            }
          }
        : {})
    },
    message.schema,
    message.text,
    message.saved
  );
}

function render({ model, el }: IRender): () => void {
  el.classList.add('jp-mcp-workflow');
  const place = document.createElement('div');
  const status = statusLine(model);
  el.append(place, status.node);
  const call = caller(model);
  let editor: Editor | null = null;
  let view: RunView | null = null;
  const unlisten = listen(model, el, content => {
    const message = content as IMessage;
    switch (message.kind) {
      case 'open':
        if (editor === null) {
          editor = newEditor(model, call, message);
          place.append(editor.node);
        }
        break;
      case 'run':
        if (view === null) {
          view = runView(model, call);
          el.insertBefore(view.node, status.node);
        }
        view.update(message.run);
        break;
      case 'same':
        view?.same();
        break;
      case 'failure':
        view?.fail(message.text);
    }
  });
  return () => {
    unlisten();
    status.dispose();
    editor?.dispose();
    view?.dispose();
  };
}

export default { render };
