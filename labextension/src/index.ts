/**
 * The plugins of jupyter_mcp. Everything but the application itself is optional, so that the
 * same bundle loads in JupyterLab and in Jupyter Notebook 7.
 */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';

import { Api } from './api';
import { Bridge } from './bridge/bridge';
import { mcpIcon } from './icon';
import { StatusModel } from './status';
import { McpPanel } from './view';
import { showNotes } from './workflows/notes';
import { runTab } from './workflows/tab';

const OPEN = 'jupyter-mcp-workbench:open-panel';
const OPEN_RUN = 'jupyter-mcp-workbench:open-workflow';

const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mcp-workbench:panel',
  description: 'Shows the MCP server, how to connect to it, and what runs.',
  autoStart: true,
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const api = new Api(app.serviceManager.serverSettings);
    const openRun = (workflowId: string): void => {
      const tab = runTab(api, workflowId, [...app.shell.widgets('main')]);
      if (!tab.isAttached) {
        app.shell.add(tab, 'main', { type: 'Workflow' });
      }
      app.shell.activateById(tab.id);
    };
    showNotes(app.serviceManager.events, openRun);
    const widget = new McpPanel(new StatusModel(api), openRun);
    widget.id = 'jupyter-mcp-workbench';
    widget.title.icon = mcpIcon;
    widget.title.caption = 'MCP';
    app.shell.add(widget, 'left', { rank: 700, type: 'MCP' });
    restorer?.add(widget, widget.id);
    app.commands.addCommand(OPEN, {
      label: 'Show the MCP Panel',
      icon: mcpIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(widget.id)
    });
    app.commands.addCommand(OPEN_RUN, {
      label: 'Show a Run of a Workflow',
      icon: mcpIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { workflow_id: { type: 'string' } },
          required: ['workflow_id']
        }
      },
      execute: args => openRun(args['workflow_id'] as string)
    });
    palette?.addItem({ command: OPEN, category: 'MCP' });
  }
};

const bridge: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mcp-workbench:bridge',
  description: 'Lets agents edit the notebooks that are open in this page.',
  autoStart: true,
  optional: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker | null) => {
    if (notebooks !== null) {
      new Bridge(notebooks, app.serviceManager).start();
    }
  }
};

export default [panel, bridge];
