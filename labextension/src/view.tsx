/** What the panel shows: the server, what waits for you, the stop button, clients and calls. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Clipboard } from '@jupyterlab/apputils';
import * as React from 'react';

import { ICall, IStatus } from './api';
import { CLIENTS, NO_TOKEN } from './clients';
import { StatusModel } from './status';
import { Agents, Approvals } from './trust';
import { Runs } from './workflows/runs';

const COPIED_MS = 1500;
const RECENT = 8;

function CopyButton(props: { what: string; text: string }): React.JSX.Element {
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    if (!copied) {
      return undefined;
    }
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    Clipboard.copyToSystem(props.text);
    setCopied(true);
  };
  const title = `Copy ${props.what}`;
  return (
    <button className="jp-mcp-button" title={title} aria-label={title} onClick={copy}>
      {copied ? 'Copied' : 'Copy'}
    </button>
  );
}

function State(props: { model: StatusModel }): React.JSX.Element {
  const { status, failure } = props.model;
  const state = failure ? 'unreachable' : (status?.state ?? 'idle');
  return (
    <section className="jp-mcp-section" aria-label="Server">
      <h2>Server</h2>
      <div className="jp-mcp-state">
        <span className="jp-mcp-dot" data-state={state} />
        <span className="jp-mcp-summary">{summary(status, failure)}</span>
      </div>
      {status?.problems.map(problem => (
        <p className="jp-mcp-hint jp-mcp-problem" key={problem.plugin}>
          {`Toolset “${problem.plugin}” of ${problem.package} is left out: ${problem.reason}`}
        </p>
      ))}
    </section>
  );
}

function summary(status: IStatus | null, failure: string): string {
  if (failure) {
    return `Not reachable: ${failure}`;
  }
  if (status === null) {
    return 'Asking the server…';
  }
  if (status.state === 'idle') {
    return `jupyter_mcp ${status.version} waits for its first client`;
  }
  const names = status.toolsets.map(toolset => toolset.name).join(', ');
  return `jupyter_mcp ${status.version} · ${status.tools} tools: ${names}`;
}

function Connect(props: { model: StatusModel }): React.JSX.Element {
  const [index, setIndex] = React.useState(0);
  const { api } = props.model;
  const client = CLIENTS[index] ?? CLIENTS[0]!;
  const text = client.text(api.endpoint, api.settings.token);
  return (
    <section className="jp-mcp-section" aria-label="Connect a client">
      <h2>Connect a client</h2>
      <div className="jp-mcp-row">
        <code className="jp-mcp-url" title={api.endpoint}>
          {api.endpoint}
        </code>
        <CopyButton what="the URL" text={api.endpoint} />
      </div>
      <div className="jp-mcp-row">
        <select
          aria-label="Client"
          value={index}
          onChange={event => setIndex(Number(event.target.value))}
        >
          {CLIENTS.map((each, i) => (
            <option key={each.label} value={i}>
              {each.label}
            </option>
          ))}
        </select>
        <CopyButton what={`the configuration for ${client.label}`} text={text} />
      </div>
      <p className="jp-mcp-hint">{client.where}</p>
      {text.includes('Bearer') && (
        <p className="jp-mcp-hint">
          {text.includes(NO_TOKEN)
            ? `Put a token of yours in the place of ${NO_TOKEN}.`
            : 'It contains your token: keep it to yourself.'}
        </p>
      )}
    </section>
  );
}

function Calls(props: { model: StatusModel }): React.JSX.Element {
  const calls = props.model.status?.calls;
  const running = calls?.running ?? [];
  return (
    <section className="jp-mcp-section" aria-label="Calls">
      <h2>Running</h2>
      {running.length === 0 && <div className="jp-mcp-detail">Nothing runs.</div>}
      <ul className="jp-mcp-calls jp-mcp-running">
        {running.map(call => (
          <RunningCall key={call.id} call={call} cancel={() => props.model.cancel(call.id)} />
        ))}
      </ul>
      <h2>Recent</h2>
      <ul className="jp-mcp-calls jp-mcp-recent">
        {(calls?.recent ?? []).slice(0, RECENT).map(call => (
          <li className="jp-mcp-call" key={call.id}>
            <div className="jp-mcp-name">{call.name}</div>
            <div className={call.is_error ? 'jp-mcp-detail jp-mcp-problem' : 'jp-mcp-detail'}>
              {`${call.status} · ${duration(call.seconds)} · ${who(call)}`}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RunningCall(props: { call: ICall; cancel: () => Promise<void> }): React.JSX.Element {
  const { call } = props;
  const [failure, setFailure] = React.useState('');
  const cancel = () => {
    props.cancel().catch((error: unknown) => setFailure(String(error)));
  };
  return (
    <li className="jp-mcp-call">
      <div className="jp-mcp-row">
        <div className="jp-mcp-name">{call.name}</div>
        <button
          className="jp-mcp-button"
          title={`Cancel ${call.name}`}
          aria-label={`Cancel ${call.name}`}
          onClick={cancel}
        >
          Cancel
        </button>
      </div>
      <div className="jp-mcp-detail">
        {[duration(call.seconds), who(call), call.progress?.message]
          .filter(Boolean)
          .join(' · ')}
      </div>
      {call.progress?.total ? (
        <progress value={call.progress.done} max={call.progress.total} />
      ) : null}
      {failure && <div className="jp-mcp-detail jp-mcp-problem">{failure}</div>}
    </li>
  );
}

function who(call: ICall): string {
  return call.client || call.principal;
}

function duration(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** The panel of the left sidebar. */
export class McpPanel extends ReactWidget {
  /** @param _open - Opens the run of a workflow in a tab. */
  constructor(
    private readonly _model: StatusModel,
    private readonly _open: (workflowId: string) => void
  ) {
    super();
    this.addClass('jp-mcp-panel');
  }

  protected override render(): React.JSX.Element {
    const model = this._model;
    return (
      <UseSignal signal={model.changed}>
        {() => (
          <>
            <State model={model} />
            <Approvals model={model} />
            <Agents model={model} />
            <Connect model={model} />
            <Runs api={model.api} open={this._open} />
            <Calls model={model} />
          </>
        )}
      </UseSignal>
    );
  }
}
