/**
 * The HTTP API of the server extension, as far as the panel needs it. Requests go through
 * `ServerConnection`, which adds the XSRF header and the token, so nothing here handles either.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

export interface IProgress {
  done: number;
  total: number | null;
  message: string;
}

export interface ICall {
  id: string;
  name: string;
  principal: string;
  client: string;
  /** Seconds since 1970. */
  started: number;
  seconds: number;
  is_error: boolean;
  status: string;
  progress?: IProgress;
}

export interface IStatus {
  version: string;
  endpoint: string;
  /** `idle` until the first request has started the runtime. */
  state: 'idle' | 'ready';
  toolsets: { name: string; title: string; tools: number }[];
  tools: number;
  problems: { plugin: string; package: string; reason: string }[];
  calls: { running: ICall[]; recent: ICall[] };
}

export class Api {
  constructor(readonly settings: ServerConnection.ISettings) {}

  /** The MCP endpoint as this browser reaches it: behind a proxy the server may not know. */
  get endpoint(): string {
    return URLExt.join(this.settings.baseUrl, 'mcp');
  }

  /** The state of the server; reading it starts nothing there. */
  async status(): Promise<IStatus> {
    return (await this._request('GET', 'status')) as IStatus;
  }

  /** Cancel a running call, which interrupts its kernel. */
  async cancel(id: string): Promise<void> {
    await this._request('POST', `calls/${encodeURIComponent(id)}/cancel`);
  }

  private async _request(method: string, path: string): Promise<unknown> {
    const url = URLExt.join(this.settings.baseUrl, 'jupyter_mcp/api', path);
    const response = await ServerConnection.makeRequest(url, { method }, this.settings);
    if (!response.ok) {
      throw await ServerConnection.ResponseError.create(response);
    }
    const text = await response.text();
    return text === '' ? null : JSON.parse(text);
  }
}
