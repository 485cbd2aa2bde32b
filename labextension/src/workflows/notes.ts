/**
 * What workflows tell the people at the page: the channel `panel` of notifications. They come as
 * events of the server, and JupyterLab shows them as its own notifications, as text.
 */
import { Notification } from '@jupyterlab/apputils';
import type { Event } from '@jupyterlab/services';

const SCHEMA = 'https://events.jupyter.org/jupyter_mcp/workflow_notification/v1';
const LONGEST = 1000;

interface INote {
  id: string;
  channel: string;
  subject: string;
  body: string;
  workflow_id?: string;
}

/** Show notes from now on, each with a way to the run that told it. */
export function showNotes(events: Event.IManager, open: (workflowId: string) => void): void {
  const shown = new Set<string>(); // a delivery that is tried again tells the same note
  events.stream.connect((_, emission) => {
    const note = emission as unknown as INote & { schema_id: string };
    if (note.schema_id !== SCHEMA || note.channel !== 'panel' || shown.has(note.id)) {
      return;
    }
    shown.add(note.id);
    const text = [note.subject, note.body].filter(Boolean).join(': ').slice(0, LONGEST);
    const run = note.workflow_id;
    const actions = run ? [{ label: 'Show the workflow', callback: () => open(run) }] : [];
    Notification.info(text, { autoClose: false, actions });
  });
}
