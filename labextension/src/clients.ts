/**
 * Ready-made configuration for the clients of `jupyter mcp config`, with the token filled in.
 * Clients that only start programs get the bridge, which finds the running server by itself.
 */
export interface IClient {
  label: string;
  /** Where the text belongs. */
  where: string;
  text: (url: string, token: string) => string;
}

/** Stands for the token where the page does not know one, as behind JupyterHub. */
export const NO_TOKEN = 'YOUR_TOKEN';

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token || NO_TOKEN}` };
}

function header(token: string): string {
  return `--header "Authorization: ${bearer(token).Authorization}"`;
}

export const CLIENTS: readonly IClient[] = [
  {
    label: 'Claude Code',
    where: 'Run this in a terminal.',
    text: (url, token) => `claude mcp add --transport http jupyter ${url} ${header(token)}`
  },
  {
    label: 'Claude Desktop',
    where: 'Settings, Developer, Edit Config: claude_desktop_config.json.',
    text: () =>
      json({ mcpServers: { jupyter: { command: 'jupyter', args: ['mcp', 'connect'] } } })
  },
  {
    label: 'Cursor',
    where: '.cursor/mcp.json in the project.',
    text: (url, token) => json({ mcpServers: { jupyter: { url, headers: bearer(token) } } })
  },
  {
    label: 'VS Code',
    where: '.vscode/mcp.json in the workspace.',
    text: (url, token) =>
      json({ servers: { jupyter: { type: 'http', url, headers: bearer(token) } } })
  },
  {
    label: 'Gemini CLI',
    where: '.gemini/settings.json in the project.',
    text: (url, token) =>
      json({ mcpServers: { jupyter: { httpUrl: url, headers: bearer(token) } } })
  },
  {
    label: 'MCP Inspector',
    where: 'Run this in a terminal.',
    text: (url, token) =>
      `npx @modelcontextprotocol/inspector --cli ${url} --transport http ` +
      `${header(token)} --method tools/list`
  }
];
