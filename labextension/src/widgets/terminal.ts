/**
 * The terminal of a sandbox in a notebook's output: xterm.js in the page, the sandbox's PTY behind
 * the kernel. What the program writes is shown as a terminal shows it and never becomes HTML.
 */
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { bytesOf, statusLine, type IModel, type IRender } from './model';

const ROWS = 20;

interface IOutput {
  kind: 'output' | 'reset';
}

function isOutput(content: unknown): content is IOutput {
  return typeof content === 'object' && content !== null && 'kind' in content;
}

function colour(name: string, otherwise: string): string {
  const found = getComputedStyle(document.body).getPropertyValue(name).trim();
  return found === '' ? otherwise : found;
}

function newTerminal(): Terminal {
  return new Terminal({
    rows: ROWS,
    cursorBlink: false,
    fontFamily: colour('--jp-code-font-family', 'monospace'),
    fontSize: 13,
    theme: {
      background: colour('--jp-layout-color0', '#ffffff'),
      foreground: colour('--jp-ui-font-color0', '#000000'),
      cursor: colour('--jp-ui-font-color1', '#333333'),
      selectionBackground: colour('--jp-layout-color3', '#bdbdbd')
    }
  });
}

/** Show what comes from the sandbox, until the view goes. */
function follow(model: IModel, terminal: Terminal): () => void {
  const show = (content: unknown, buffers: DataView[]) => {
    if (!isOutput(content)) {
      return;
    }
    if (content.kind === 'reset') {
      terminal.reset();
    }
    for (const buffer of buffers) {
      terminal.write(bytesOf(buffer));
    }
  };
  model.on('msg:custom', show);
  return () => model.off('msg:custom', show);
}

function render({ model, el }: IRender): () => void {
  el.classList.add('jp-mcp-terminal');
  const screen = document.createElement('div');
  screen.className = 'jp-mcp-terminal-screen';
  // Keys belong to the terminal, and not to the notebook's shortcuts.
  screen.dataset.lmSuppressShortcuts = 'true';
  const status = statusLine(model);
  el.append(screen, status.node);
  const terminal = newTerminal();
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(screen);
  const unfollow = follow(model, terminal);
  terminal.onData(text => model.send({ kind: 'input', text }));
  terminal.onResize(({ rows, cols }) => model.send({ kind: 'resize', rows, columns: cols }));
  const sizes = new ResizeObserver(() => {
    if (screen.clientWidth > 0) {
      fit.fit();
    }
  });
  sizes.observe(screen);
  model.send({ kind: 'ready' });
  return () => {
    sizes.disconnect();
    unfollow();
    status.dispose();
    terminal.dispose();
  };
}

export default { render };
