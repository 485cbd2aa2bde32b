/**
 * The HTTP API of the server extension, as far as the panel needs it. Requests go through
 * `ServerConnection`, which adds the XSRF header and the token, so nothing here handles either.
 *
 * The page's login cookie is shown first and without the token: a cookie is what shows that a
 * person looks at this page, while agents hold the token. Where there is no cookie the token is
 * taken, and the server may then refuse what only a person decides.
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

export type Mode = 'running' | 'read_only' | 'paused';
export type Answer = 'once' | 'session' | 'always' | 'deny';

/** A call that waits for a person's yes. */
export interface IQuestion {
  id: string;
  tool: string;
  title: string;
  /** One `name: value` each; further lines of a value are indented. */
  arguments: string;
  principal: string;
  client: string;
  reason: string;
  created: number;
  /** Seconds since 1970 at which silence is a no. */
  expires: number;
}

export interface IStop {
  target: string;
  mode: Mode;
  by: string;
  /** Seconds since 1970. */
  at: number;
  reason: string;
}

/** The switch for all agents, and for whoever may decide the stops of single ones. */
export interface IAgents extends Partial<Omit<IStop, 'mode'>> {
  mode: Mode;
  stops?: IStop[];
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
  /** Absent until the first request has started the runtime. */
  agents?: IAgents;
  /** Absent for who may not answer. */
  approvals?: { waiting: IQuestion[] };
}

const REFUSED = new Set([401, 403]);

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

  /** Let all agents work, only read, or do nothing, from now on. */
  async switchAgents(mode: Mode): Promise<void> {
    await (mode === 'running'
      ? this._tool('agents_resume', { target: '*' })
      : this._tool('agents_pause', { target: '*', mode }));
  }

  /** Let one stopped agent go on. */
  async resume(target: string): Promise<void> {
    await this._tool('agents_resume', { target });
  }

  /** Answer a call that waits. */
  async answer(id: string, answer: Answer): Promise<void> {
    await this._tool('approval_answer', { approval_id: id, answer });
  }

  /** Call a tool as the person at this page and return its structured result. */
  async call(name: string, given: object): Promise<unknown> {
    const told = (await this._request('POST', `tools/${name}`, given)) as {
      structured?: unknown;
    } | null;
    return told?.structured ?? null;
  }

  private async _tool(name: string, given: Record<string, string>): Promise<void> {
    await this._request('POST', `tools/${name}`, given);
  }

  private async _request(method: string, path: string, body?: object): Promise<unknown> {
    const url = URLExt.join(this.settings.baseUrl, 'jupyter_mcp/api', path);
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    const response = await this._send(url, init).catch((error: unknown) => {
      const isAway = error instanceof ServerConnection.NetworkError;
      throw isAway ? new Error('The server does not answer.', { cause: error }) : error;
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(reason(text) || `${response.status} ${response.statusText}`);
    }
    return text === '' ? null : JSON.parse(text);
  }

  private async _send(url: string, init: RequestInit): Promise<Response> {
    const byToken = (): Promise<Response> =>
      ServerConnection.makeRequest(url, init, this.settings);
    if (!this._hasCookie) {
      return byToken();
    }
    const withoutToken = { ...this.settings, token: '' };
    const response = await ServerConnection.makeRequest(url, init, withoutToken);
    if (!REFUSED.has(response.status) || (await knowsUs(response)) || !this.settings.token) {
      return response;
    }
    this._hasCookie = false;
    return byToken();
  }

  private _hasCookie = true;
}

/** Whether a refusal is the corridor's own, so that the cookie has been taken. */
async function knowsUs(response: Response): Promise<boolean> {
  return 'structured' in parsed(await response.clone().text());
}

/** What the server says went wrong, in a line. */
function reason(text: string): string {
  const said = parsed(text) as {
    error?: { message?: string };
    structured?: { error?: { message?: string } } | null;
  };
  return said.structured?.error?.message ?? said.error?.message ?? '';
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
