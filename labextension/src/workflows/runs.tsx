/** The runs of workflows in the panel: closed at first, and asked for only while it is open. */
import * as React from 'react';

import { Api } from '../api';
import { sign, type IRun } from './run';

const EVERY_MS = 3000;
const SHOWN = 10;

type Listed = Pick<IRun, 'workflow_id' | 'name' | 'status'>;

export function Runs(props: { api: Api; open: (id: string) => void }): React.JSX.Element {
  const { api } = props;
  const [isOpen, setOpen] = React.useState(false);
  const [runs, setRuns] = React.useState<Listed[] | null>(null);
  const [failure, setFailure] = React.useState('');
  React.useEffect(() => {
    if (!isOpen) {
      return undefined;
    }
    const look = () => {
      if (!document.hidden) {
        api
          .call('workflow_list', { limit: SHOWN })
          .then(told => {
            setRuns((told as { workflows: Listed[] }).workflows);
            setFailure('');
          })
          .catch((error: unknown) => setFailure(error instanceof Error ? error.message : ''));
      }
    };
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [api, isOpen]);
  return (
    <section className="jp-mcp-section" aria-label="Workflows">
      <h2>Workflows</h2>
      <details onToggle={event => setOpen(event.currentTarget.open)}>
        <summary>Runs</summary>
        {runs?.length === 0 && <div className="jp-mcp-detail">No workflow has run.</div>}
        <ul className="jp-mcp-calls jp-mcp-workflows">
          {(runs ?? []).map(run => (
            <li className="jp-mcp-call jp-mcp-row" key={run.workflow_id}>
              <div className="jp-mcp-name" title={run.workflow_id}>
                {`${sign(run.status)} ${run.name}`}
                <div className="jp-mcp-detail">{run.status}</div>
              </div>
              <button
                className="jp-mcp-button"
                aria-label={`Show ${run.name}`}
                onClick={() => props.open(run.workflow_id)}
              >
                Show
              </button>
            </li>
          ))}
        </ul>
        {failure && (
          <div className="jp-mcp-detail jp-mcp-problem" role="alert">
            {`No news: ${failure}`}
          </div>
        )}
      </details>
    </section>
  );
}
