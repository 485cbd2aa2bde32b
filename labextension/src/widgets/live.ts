/** A view that follows something of the server; the kernel's side is `widgets/live_view.py`. */
import { listen, statusLine, type IRender } from './model';

interface ILiveView {
  node: HTMLElement;
  same(): void;
  fail(text: string): void;
  dispose(): void;
}

/**
 * Show a view and tell it what comes; `update` takes the messages of `kind`. Returns how to end
 * that.
 */
export function follow(
  { model, el }: IRender,
  view: ILiveView,
  kind: string,
  update: (news: unknown) => void
): () => void {
  el.classList.add('jp-mcp-workflow');
  const status = statusLine(model);
  el.append(view.node, status.node);
  const unlisten = listen(model, el, content => {
    const message = content as { kind: string; text: string };
    if (message.kind === 'same') {
      view.same();
    } else if (message.kind === 'failure') {
      view.fail(message.text);
    } else if (message.kind === kind) {
      update(content);
    }
  });
  return () => {
    unlisten();
    status.dispose();
    view.dispose();
  };
}
