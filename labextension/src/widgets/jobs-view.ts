/** The latest jobs in a notebook's output; the kernel's side asks the server. */
import { JobsView, type IJob, type IOpened } from '../jobs/view';
import { caller } from './caller';
import { follow } from './live';
import type { IModel, IRender } from './model';

interface INews {
  jobs: IJob[];
  opened: IOpened | null;
}

function newView(model: IModel): JobsView {
  const call = caller(model);
  return new JobsView({
    cancel: async id => {
      await call('job_cancel', { job_id: id });
    },
    open: id => model.send({ kind: 'open', node: id })
  });
}

function render(place: IRender): () => void {
  const view = newView(place.model);
  return follow(place, view, 'jobs', news => {
    const { jobs, opened } = news as INews;
    view.update(jobs, opened);
  });
}

export default { render };
