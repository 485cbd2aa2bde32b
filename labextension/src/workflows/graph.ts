/**
 * The graph of a run. Nodes are buttons, of which one is in the page's order of focus; arrow keys
 * go along the edges. It scrolls, is dragged, and zooms with its buttons or Ctrl and the wheel.
 */
import { button, element, setAttribute, setText } from './dom';
import { layout, NODE, type ILayout, type IPoint } from './layout';
import { duration, nameOf, share, sign, type INode } from './run';

const SVG = 'http://www.w3.org/2000/svg';
const SMALLEST = 0.25;
const LARGEST = 2;
/** Nobody can read less, so a larger graph scrolls at first. */
const READABLE = 0.85;
/** What is in sight around a node that is brought there. */
const MARGIN = 12;

interface IBox {
  button: HTMLButtonElement;
  sign: HTMLElement;
  name: HTMLElement;
  detail: HTMLElement;
  bar: HTMLElement;
}

export class Graph {
  readonly node: HTMLElement;

  /**
   * @param open - What a node that is clicked opens.
   * @param describe - What stands below a node's name.
   */
  constructor(
    private readonly open: (id: string) => void,
    private readonly describe: (node: INode) => string = described
  ) {
    this._paper.append(this._svg, this._boxes);
    this._space.append(this._paper);
    this._frame.append(this._space);
    const zoom = element(
      'div',
      { class: 'jp-mcp-wf-zoom', role: 'group', 'aria-label': 'Zoom' },
      button('−', () => this._chosen(this._scale / 1.25), { 'aria-label': 'Smaller' }),
      button('+', () => this._chosen(this._scale * 1.25), { 'aria-label': 'Larger' }),
      button('Fit', () => {
        this._isFitted = true;
        this._fit(SMALLEST);
      })
    );
    this.node = element('div', { class: 'jp-mcp-wf-graph' }, this._frame, zoom);
    this._frame.addEventListener('keydown', event => this._move(event));
    this._frame.addEventListener(
      'wheel',
      event => {
        if (event.ctrlKey) {
          event.preventDefault();
          this._chosen(this._scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
        }
      },
      { passive: false }
    );
    drag(this._frame);
    this._sizes.observe(this._frame);
  }

  dispose(): void {
    this._sizes.disconnect();
  }

  /** Show the nodes as they are; what is where changes only with the nodes or their needs. */
  update(nodes: readonly INode[], opened: string | null): void {
    const vertices = nodes.map(({ id, needs, title, kind }) => ({
      id,
      needs: needs ?? [],
      title,
      kind
    }));
    const shape = JSON.stringify(vertices);
    if (shape !== this._shape) {
      this._shape = shape;
      this._draw(layout(vertices), nodes);
    }
    for (const node of nodes) {
      this._show(node, node.id === opened);
    }
  }

  /** Bring a node into sight and give it the focus. */
  focus(id: string): void {
    const box = this._all.get(id);
    if (box) {
      this._turn(id);
      box.button.focus({ preventScroll: true });
      this.reveal(id);
      box.button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
  }

  /** Scroll the frame, and not the page, until a node is in sight. */
  reveal(id: string): void {
    const place = this._layout.places.get(id);
    if (place) {
      const { clientWidth, clientHeight, scrollLeft, scrollTop } = this._frame;
      const scale = this._scale;
      const near = (at: number, size: number, room: number, now: number) =>
        Math.min(Math.max(now, (at + size + MARGIN) * scale - room), (at - MARGIN) * scale);
      this._frame.scrollLeft = near(place.x, NODE.width, clientWidth, scrollLeft);
      this._frame.scrollTop = near(place.y, NODE.height, clientHeight, scrollTop);
    }
  }

  /** Show it in the size that a person chooses, and keep that. */
  private _chosen(scale: number): void {
    this._isFitted = false;
    this._zoom(scale);
  }

  private _zoom(scale: number): void {
    this._scale = Math.min(LARGEST, Math.max(SMALLEST, scale));
    const { width, height } = this._layout;
    this._paper.style.transform = `scale(${this._scale})`;
    this._space.style.width = `${width * this._scale}px`;
    this._space.style.height = `${height * this._scale}px`;
  }

  /** Make it as large as the frame is wide, but not smaller than this. */
  private _fit(smallest = READABLE): void {
    const room = this._frame.clientWidth;
    if (room > 0 && this._isFitted) {
      this._zoom(Math.min(1, Math.max(smallest, room / this._layout.width)));
    }
  }

  private _draw(made: ILayout, nodes: readonly INode[]): void {
    const had = [...this._all].find(([, box]) => box.button === document.activeElement)?.[0];
    this._layout = made;
    this._all.clear();
    this._paper.style.width = `${made.width}px`;
    this._paper.style.height = `${made.height}px`;
    this._svg.setAttribute('width', String(made.width));
    this._svg.setAttribute('height', String(made.height));
    this._paths = made.edges.map(({ to, points }) => ({ to, path: pathOf(points) }));
    this._svg.replaceChildren(...this._paths.map(({ path }) => path));
    const known = new Map(nodes.map(node => [node.id, node]));
    const boxes = made.columns
      .flat()
      .map(id => this._box(known.get(id)!, made.places.get(id)!));
    this._boxes.replaceChildren(...boxes);
    const first = made.columns[0]?.[0];
    this._turn(had !== undefined && this._all.has(had) ? had : (first ?? ''));
    this._fit();
    if (had !== undefined) {
      this._all.get(had)?.button.focus();
    }
  }

  private _box(node: INode, place: IPoint): HTMLElement {
    const made: IBox = {
      sign: element('span', { class: 'jp-mcp-wf-sign', 'aria-hidden': 'true' }),
      name: element('span', { class: 'jp-mcp-wf-name' }, nameOf(node)),
      detail: element('span', { class: 'jp-mcp-wf-detail' }),
      bar: element('span', { class: 'jp-mcp-wf-bar', 'aria-hidden': 'true' }),
      button: element('button', {
        type: 'button',
        class: 'jp-mcp-wf-node',
        'data-node': node.id,
        click: () => {
          this._turn(node.id);
          this.open(node.id);
        }
      })
    };
    made.button.append(made.sign, made.name, made.detail, made.bar);
    made.button.style.left = `${place.x}px`;
    made.button.style.top = `${place.y}px`;
    made.button.style.width = `${NODE.width}px`;
    made.button.style.height = `${NODE.height}px`;
    this._all.set(node.id, made);
    return made.button;
  }

  private _show(node: INode, isOpen: boolean): void {
    const box = this._all.get(node.id);
    if (!box) {
      return;
    }
    const told = this.describe(node);
    setAttribute(box.button, 'data-status', node.status);
    setAttribute(box.button, 'aria-pressed', String(isOpen));
    setAttribute(box.button, 'title', `${nameOf(node)}\n${told}`);
    setText(box.sign, sign(node.status));
    setText(box.detail, told);
    const part = node.status === 'running' ? share(node) : null;
    box.bar.style.width = part === null ? '0' : `${part * 100}%`;
    for (const { to, path } of this._paths) {
      if (to === node.id) {
        setAttribute(path, 'data-status', node.status);
      }
    }
  }

  /** Let one node be that which the Tab key reaches. */
  private _turn(id: string): void {
    for (const [each, { button }] of this._all) {
      button.tabIndex = each === id ? 0 : -1;
    }
  }

  private _move(event: KeyboardEvent): void {
    const at = [...this._all].find(([, box]) => box.button === event.target)?.[0];
    const to = at === undefined ? null : this._neighbour(at, event.key);
    if (to) {
      event.preventDefault();
      event.stopPropagation();
      this.focus(to);
    }
  }

  private _neighbour(id: string, key: string): string | null {
    const { columns, edges, places } = this._layout;
    const column = columns.find(each => each.includes(id)) ?? [];
    const at = column.indexOf(id);
    const nearest = (ids: string[]): string | null => {
      const away = (other: string) => Math.abs(places.get(other)!.y - places.get(id)!.y);
      return [...ids].sort((one, other) => away(one) - away(other))[0] ?? null;
    };
    switch (key) {
      case 'ArrowUp':
        return column[at - 1] ?? null;
      case 'ArrowDown':
        return column[at + 1] ?? null;
      case 'ArrowLeft':
        return nearest(edges.filter(({ to }) => to === id).map(({ from }) => from));
      case 'ArrowRight':
        return nearest(edges.filter(({ from }) => from === id).map(({ to }) => to));
      case 'Home':
        return columns[0]?.[0] ?? null;
      case 'End':
        return columns[columns.length - 1]?.[0] ?? null;
      default:
        return null;
    }
  }

  private readonly _frame = element('div', {
    class: 'jp-mcp-wf-frame',
    role: 'group',
    'aria-label': 'Graph of the workflow. Arrow keys go from node to node, Enter opens one.'
  });
  private readonly _space = element('div', { class: 'jp-mcp-wf-space' });
  private readonly _paper = element('div', { class: 'jp-mcp-wf-paper' });
  private readonly _boxes = element('div');
  private readonly _svg = newSvg();
  private readonly _all = new Map<string, IBox>();
  private _paths: { to: string; path: SVGPathElement }[] = [];
  private _layout: ILayout = {
    places: new Map(),
    columns: [],
    edges: [],
    width: 0,
    height: 0
  };
  private readonly _sizes = new ResizeObserver(() => {
    this._fit();
  });
  private _isFitted = true;
  private _shape = '';
  private _scale = 1;
}

function described(node: INode): string {
  const part = node.status === 'running' ? share(node) : null;
  const last = part === null ? node.kind : `${Math.floor(part * 100)} %`;
  return [node.status, duration(node), last].filter(Boolean).join(' · ');
}

function newSvg(): SVGSVGElement {
  const made = document.createElementNS(SVG, 'svg');
  made.setAttribute('aria-hidden', 'true');
  made.setAttribute('class', 'jp-mcp-wf-edges');
  return made;
}

/** A line through points: bent between columns, straight within them, with a tip at its end. */
function pathOf(points: IPoint[]): SVGPathElement {
  const [first, ...rest] = points;
  let [x, y] = [first!.x, first!.y];
  let line = `M${x} ${y}`;
  for (const next of rest) {
    const half = (next.x - x) / 2;
    line +=
      next.y === y
        ? `H${next.x}`
        : `C${x + half} ${y} ${next.x - half} ${next.y} ${next.x} ${next.y}`;
    [x, y] = [next.x, next.y];
  }
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', `${line}M${x - 6} ${y - 4}L${x} ${y}L${x - 6} ${y + 4}`);
  return path;
}

/** Let a person drag what lies between the nodes. */
function drag(frame: HTMLElement): void {
  frame.addEventListener('pointerdown', event => {
    if (event.button !== 0 || (event.target as Element).closest('button')) {
      return;
    }
    const begin = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
    const move = (moved: PointerEvent) => {
      frame.scrollLeft = begin.x - moved.clientX;
      frame.scrollTop = begin.y - moved.clientY;
    };
    const end = () => {
      frame.removeEventListener('pointermove', move);
      frame.removeEventListener('pointerup', end);
      frame.removeEventListener('pointercancel', end);
    };
    frame.setPointerCapture(event.pointerId);
    frame.addEventListener('pointermove', move);
    frame.addEventListener('pointerup', end);
    frame.addEventListener('pointercancel', end);
  });
}
