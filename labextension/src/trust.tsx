/** What a person decides: whether agents may act, and which of their calls may go on. */
import * as React from 'react';

import { Answer, IAgents, IQuestion, Mode } from './api';
import { StatusModel } from './status';

const MODES: readonly { mode: Mode; label: string; hint: string }[] = [
  { mode: 'running', label: 'Running', hint: 'Agents work' },
  { mode: 'read_only', label: 'Read-only', hint: 'Agents can read and change nothing' },
  {
    mode: 'paused',
    label: 'Paused',
    hint: 'Agents can do nothing, and what they run is stopped'
  }
];

const ANSWERS: readonly { answer: Answer; label: string; hint: string }[] = [
  { answer: 'once', label: 'Approve once', hint: 'This call only' },
  {
    answer: 'session',
    label: 'This session',
    hint: 'This tool, until the client’s session ends'
  },
  { answer: 'always', label: 'Always', hint: 'Always with exactly these arguments' },
  { answer: 'deny', label: 'Deny', hint: 'Refuse this call' }
];

/** Run what a button does, and say in a line why it failed. */
function useAction(): [string, boolean, (work: () => Promise<void>) => void] {
  const [failure, setFailure] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const run = (work: () => Promise<void>) => {
    setBusy(true);
    setFailure('');
    work()
      .catch((error: unknown) =>
        setFailure(error instanceof Error ? error.message : String(error))
      )
      .finally(() => setBusy(false));
  };
  return [failure, busy, run];
}

function Failure(props: { text: string }): React.JSX.Element | null {
  return props.text ? (
    <p className="jp-mcp-hint jp-mcp-problem" role="alert">
      {props.text}
    </p>
  ) : null;
}

/** The stop button. */
export function Agents(props: { model: StatusModel }): React.JSX.Element {
  const { model } = props;
  const [failure, busy, run] = useAction();
  const agents = model.status?.agents;
  const single = (agents?.stops ?? []).filter(stop => stop.target !== '*');
  return (
    <section className="jp-mcp-section" aria-label="Agents">
      <h2>Agents</h2>
      <div className="jp-mcp-switch" role="radiogroup" aria-label="What agents may do">
        {MODES.map(({ mode, label, hint }) => (
          <label key={mode} title={hint} data-mode={mode}>
            <input
              type="radio"
              name="jp-mcp-agents"
              value={mode}
              checked={agents?.mode === mode}
              disabled={busy || Boolean(model.failure)}
              onChange={() => run(() => model.switchAgents(mode))}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
      <p className="jp-mcp-hint" aria-live="polite">
        {since(agents)}
      </p>
      <ul className="jp-mcp-calls">
        {single.map(stop => (
          <li className="jp-mcp-call" key={stop.target}>
            <div className="jp-mcp-row">
              <div className="jp-mcp-name" title={stop.reason}>
                {`${stop.target}: ${stop.mode === 'paused' ? 'paused' : 'read-only'}`}
              </div>
              <button
                className="jp-mcp-button"
                aria-label={`Let ${stop.target} go on`}
                disabled={busy}
                onClick={() => run(() => model.resume(stop.target))}
              >
                Resume
              </button>
            </div>
          </li>
        ))}
      </ul>
      <Failure text={failure} />
    </section>
  );
}

function since(agents: IAgents | undefined): string {
  if (agents === undefined) {
    return 'No agent has called yet.';
  }
  if (agents.mode === 'running' || agents.at === undefined) {
    return 'Agents may work.';
  }
  const what = agents.mode === 'paused' ? 'Paused' : 'Read-only';
  const when = new Date(agents.at * 1000).toLocaleString();
  return `${what} by ${agents.by ?? ''} since ${when}${agents.reason ? `: ${agents.reason}` : ''}`;
}

/** The calls that wait for a yes; nothing at all for who may not answer. */
export function Approvals(props: { model: StatusModel }): React.JSX.Element | null {
  const { model } = props;
  const waiting = model.status?.approvals?.waiting ?? [];
  return (
    <>
      <span className="jp-mcp-announced" aria-live="polite">
        {waiting.map(question => `${question.tool} waits for your approval.`).join(' ')}
      </span>
      {waiting.length > 0 && (
        <section className="jp-mcp-section jp-mcp-approvals" aria-label="Waiting for you">
          <h2>Waiting for you</h2>
          {waiting.map(question => (
            <Question
              key={question.id}
              question={question}
              answer={answer => model.answer(question.id, answer)}
            />
          ))}
        </section>
      )}
    </>
  );
}

function Question(props: {
  question: IQuestion;
  answer: (answer: Answer) => Promise<void>;
}): React.JSX.Element {
  const { question } = props;
  const [failure, busy, run] = useAction();
  return (
    <article className="jp-mcp-question" aria-label={`${question.tool} asks`}>
      <div className="jp-mcp-name">{question.tool}</div>
      <p className="jp-mcp-hint">
        {[`${question.client || question.principal}:`, title(question), question.reason].join(
          ' '
        )}
      </p>
      {question.arguments && (
        <pre tabIndex={0} aria-label={`Arguments of ${question.tool}`}>
          {question.arguments}
        </pre>
      )}
      <div className="jp-mcp-answers">
        {ANSWERS.map(({ answer, label, hint }) => (
          <button
            key={answer}
            className="jp-mcp-button"
            title={hint}
            aria-label={`${label}: ${question.tool}`}
            disabled={busy}
            onClick={() => run(() => props.answer(answer))}
          >
            {label}
          </button>
        ))}
      </div>
      <p className="jp-mcp-detail">{`${left(question)} s left, then it is denied`}</p>
      <Failure text={failure} />
    </article>
  );
}

function title(question: IQuestion): string {
  return question.title === question.tool ? '' : `${question.title}.`;
}

function left(question: IQuestion): number {
  return Math.max(0, Math.round(question.expires - Date.now() / 1000));
}
