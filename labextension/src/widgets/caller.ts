import type { IModel } from './model';

interface IAnswer {
  kind: 'answer';
  id: string;
  error: string;
  value?: unknown;
}

export type Call = (tool: string, given: Record<string, unknown>) => Promise<unknown>;

/** Calls of tools through the kernel: each message gets one answer. */
export function caller(model: IModel): Call {
  const mine = Math.random().toString(36).slice(2); // a widget may have several views
  const waiting = new Map<string, (message: IAnswer) => void>();
  let last = 0;
  model.on('msg:custom', content => {
    if ((content as { kind: string }).kind === 'answer') {
      const message = content as IAnswer;
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    }
  });
  return (tool, given) =>
    new Promise((resolve, reject) => {
      const id = `${mine}-${++last}`;
      waiting.set(id, ({ error, value }) =>
        error ? reject(new Error(error)) : resolve(value)
      );
      model.send({ kind: 'call', id, tool, arguments: given });
    });
}
