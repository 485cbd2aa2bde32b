/**
 * What a view of a widget gets from anywidget (https://anywidget.dev/en/afm/), as far as ours use
 * it. The kernel's side is `jupyter_mcp/widgets/`; both talk in messages, so that nothing of what
 * was typed or shown is stored with the notebook.
 */
export interface IModel {
  get(name: string): unknown;
  on(event: 'msg:custom', handler: MessageHandler): void;
  on(event: `change:${string}`, handler: () => void): void;
  off(event: string, handler: MessageHandler | (() => void)): void;
  send(content: object, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
}

export type MessageHandler = (content: unknown, buffers: DataView[]) => void;

export interface IRender {
  model: IModel;
  el: HTMLElement;
}

/** The bytes behind a message's buffer. */
export function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** A line below the view that says what it shows and whether it still does. */
export function statusLine(model: IModel): {
  node: HTMLElement;
  dispose: () => void;
} {
  const node = document.createElement('div');
  node.className = 'jp-mcp-widget-status';
  node.setAttribute('role', 'status');
  const show = () => {
    node.textContent = String(model.get('status'));
  };
  show();
  model.on('change:status', show);
  return { node, dispose: () => model.off('change:status', show) };
}

/**
 * Tell the kernel's side whether somebody can see the view, so that it looks for news only then.
 * Returns how to stop telling.
 */
export function tellVisibility(model: IModel, el: HTMLElement): () => void {
  let inView = true;
  const tell = () => {
    if (inView && !document.hidden) {
      model.send({ kind: 'visible' });
    }
  };
  const observer = new IntersectionObserver(entries => {
    inView = entries.some(entry => entry.isIntersecting);
    tell();
  });
  observer.observe(el);
  document.addEventListener('visibilitychange', tell);
  const timer = window.setInterval(tell, 2000);
  tell();
  return () => {
    observer.disconnect();
    document.removeEventListener('visibilitychange', tell);
    window.clearInterval(timer);
  };
}

/** Begin to take what the kernel's side sends, and tell it so; returns how to end that. */
export function listen(model: IModel, el: HTMLElement, show: MessageHandler): () => void {
  model.on('msg:custom', show);
  const untell = tellVisibility(model, el);
  model.send({ kind: 'ready' });
  return () => {
    untell();
    model.off('msg:custom', show);
  };
}
