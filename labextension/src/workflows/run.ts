/** A run of a workflow as `workflow_get` tells it, and how its states are called. */

export type NodeStatus =
  | 'pending'
  | 'running'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'cancelled'
  | 'compensated';

export type RunStatus = Exclude<NodeStatus, 'skipped'> | 'paused';

export interface IProblem {
  code?: string;
  message: string;
  remedy?: string | null;
  node?: string | null;
}

export interface INode {
  id: string;
  kind: string;
  status: NodeStatus;
  title?: string | null;
  needs?: string[];
  /** Seconds since 1970, or RFC 3339. */
  started_at?: number | string | null;
  ended_at?: number | string | null;
  /** When it was heard of last, where there are no news; seconds since 1970. */
  heard_at?: number;
  attempts?: number;
  progress?: { done?: number; total?: number | null; message?: string | null } | null;
  error?: IProblem | null;
  input?: unknown;
  output?: unknown;
  log?: string | null;
}

export interface IRun {
  workflow_id: string;
  name: string;
  status: RunStatus;
  nodes: INode[];
  wanted?: string | null;
  reason?: string | null;
  error?: IProblem | null;
  parent?: string | null;
  template?: string | null;
  started_at?: number | string | null;
  ended_at?: number | string | null;
  heard_at?: number;
}

/** A sign for each state, so that nobody has to tell colours apart. */
const SIGNS: Record<NodeStatus | RunStatus, string> = {
  pending: '○',
  running: '▶',
  waiting: '…',
  paused: '‖',
  succeeded: '✓',
  failed: '✕',
  skipped: '–',
  cancelled: '⊘',
  compensated: '↶'
};

const ENDED: ReadonlySet<string> = new Set([
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'compensated'
]);

/** The sign of a state. */
export function sign(status: NodeStatus | RunStatus): string {
  return SIGNS[status];
}

/** Whether nothing more comes of a run or node. */
export function hasEnded(status: NodeStatus | RunStatus): boolean {
  return ENDED.has(status);
}

/** What a node is called for people. */
export function nameOf(node: INode): string {
  return node.title ?? node.id;
}

/** What an error says, in a line or two. */
export function told(error: IProblem): string {
  return [error.message, error.remedy].filter(Boolean).join(' ');
}

/** How long a node or run has taken as far as is known; empty before it begins. */
export function duration(
  of: Pick<INode, 'started_at' | 'ended_at' | 'heard_at'>,
  now = Date.now() / 1000
): string {
  const started = seconds(of.started_at);
  if (started === null) {
    return '';
  }
  return span((seconds(of.ended_at) ?? of.heard_at ?? now) - started);
}

/** So many seconds, for people. */
export function span(length: number): string {
  const whole = Math.max(0, length);
  if (whole < 60) {
    return `${whole.toFixed(1)} s`;
  }
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(Math.floor(whole % 60)).padStart(2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** A time of day for people; empty for none. */
export function clock(time: number | string | null | undefined): string {
  const at = seconds(time);
  return at === null ? '' : new Date(at * 1000).toLocaleTimeString();
}

function seconds(time: number | string | null | undefined): number | null {
  if (time === null || time === undefined || time === '') {
    return null;
  }
  return typeof time === 'number' ? time : Date.parse(time) / 1000;
}

/** How far a node is, from 0 to 1; null where nobody knows. */
export function share(node: Pick<INode, 'progress'>): number | null {
  const { done, total } = node.progress ?? {};
  return total ? Math.min(1, Math.max(0, (done ?? 0) / total)) : null;
}
