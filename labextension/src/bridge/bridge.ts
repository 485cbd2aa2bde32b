/**
 * Lets the server read and edit the notebooks that are open in this page, where no
 * jupyter-collaboration holds the live document on the server. The page tells what it has open;
 * the server asks for one operation at a time (its vocabulary stands in `panel_jupyter.py`).
 */
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ServiceManager } from '@jupyterlab/services';

import { OpenNotebook } from './notebook';
import { IRequest } from './operations';
import { Socket } from './socket';

export class Bridge {
  constructor(
    private readonly _notebooks: INotebookTracker,
    private readonly _services: ServiceManager.IManager
  ) {
    this._socket = new Socket(
      _services.serverSettings,
      'jupyter_mcp/panel',
      () => this._announce(true),
      frame => void this._answer(frame as IRequest)
    );
  }

  start(): void {
    this._notebooks.forEach(panel => this._follow(panel));
    this._notebooks.widgetAdded.connect((_, panel) => this._follow(panel));
    this._socket.connect();
  }

  private _follow(panel: NotebookPanel): void {
    void panel.context.ready.then(() => {
      if (panel.isDisposed || panel.context.model.collaborative) {
        return;
      }
      this._open.set(panel, new OpenNotebook(panel));
      panel.context.pathChanged.connect(() => this._announce());
      panel.disposed.connect(() => {
        this._open.delete(panel);
        this._announce();
      });
      this._announce();
    });
  }

  private _announce(always = false): void {
    const open = [...this._open.keys()].map(panel => panel.context.path).filter(this._isOurs);
    const told = JSON.stringify(open);
    if (always || told !== this._told) {
      this._told = told;
      this._socket.send({ open });
    }
  }

  /** Other drives are not on the server that asks. */
  private readonly _isOurs = (path: string): boolean =>
    this._services.contents.driveName(path) === '';

  private async _answer(request: IRequest): Promise<void> {
    const { id } = request;
    try {
      const panel = [...this._open.keys()].find(each => each.context.path === request.path);
      const notebook = panel && this._open.get(panel);
      if (notebook === undefined) {
        throw new Error(`'${request.path}' is not open here.`);
      }
      this._socket.send({ id, result: await notebook.perform(request) });
    } catch (error) {
      this._socket.send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  }

  private readonly _open = new Map<NotebookPanel, OpenNotebook>();
  private readonly _socket: Socket;
  private _told = '';
}
