import { RunView } from '../workflows/view';
import type { Call } from './caller';
import type { IModel } from './model';

/** A run whose buttons call tools through the kernel, and which asks it for what is opened. */
export function runView(model: IModel, call: Call): RunView {
  return new RunView({
    call: async (tool, given) => {
      await call(tool, given);
    },
    open: node => model.send({ kind: 'open', node: node ?? '' })
  });
}
