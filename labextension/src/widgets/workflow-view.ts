/** A run of a workflow in a notebook's output; the kernel's side asks the server. */
import type { IRun } from '../workflows/run';
import { caller } from './caller';
import { follow } from './live';
import type { IRender } from './model';
import { runView } from './run-view';

function render(place: IRender): () => void {
  const view = runView(place.model, caller(place.model));
  return follow(place, view, 'run', news => view.update((news as { run: IRun }).run));
}

export default { render };
