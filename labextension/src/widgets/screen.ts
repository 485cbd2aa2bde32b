/**
 * The screen of a sandbox in a notebook's output: pictures come from the kernel's side when the
 * screen changes, mouse and keys go back. Nothing of the sandbox runs in this page.
 */
import { stroke } from './keys';
import { bytesOf, statusLine, tellVisibility, type IModel, type IRender } from './model';

/** How often a moving pointer is told, in milliseconds. */
const MOVE_EVERY = 60;
const BUTTONS = ['left', 'middle', 'right'];
const RELEASE = 'Shift+Escape gives the keyboard back.';

interface ISize {
  width: number;
  height: number;
}

function sizeOf(model: IModel): ISize {
  const [width, height] = model.get('size') as [number, number];
  return { width, height };
}

/** Where a pointer is on the sandbox's screen, in its pixels. */
function place(event: MouseEvent, image: HTMLElement, size: ISize): [number, number] {
  const box = image.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * size.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * size.height);
  const inside = (at: number, end: number) => Math.min(Math.max(at, 0), end - 1);
  return [inside(x, size.width), inside(y, size.height)];
}

/** Show each picture that comes. */
function follow(model: IModel, image: HTMLImageElement): () => void {
  let url = '';
  const show = (content: unknown, buffers: DataView[]) => {
    const [buffer] = buffers;
    if (buffer === undefined) {
      return;
    }
    const { mime } = content as { mime: string };
    const old = url;
    const bytes = bytesOf(buffer).slice();
    url = URL.createObjectURL(new Blob([bytes], { type: mime }));
    image.src = url;
    URL.revokeObjectURL(old);
  };
  model.on('msg:custom', show);
  return () => {
    model.off('msg:custom', show);
    URL.revokeObjectURL(url);
  };
}

function sendMouse(model: IModel, image: HTMLElement): void {
  let moved = 0;
  let pressed = false;
  const send = (kind: string, event: MouseEvent, more: object = {}) => {
    const coordinate = place(event, image, sizeOf(model));
    model.send({ kind, coordinate, ...more });
  };
  image.addEventListener('pointerdown', event => {
    const button = BUTTONS[event.button];
    if (button === undefined) {
      return;
    }
    image.focus();
    image.setPointerCapture(event.pointerId);
    pressed = button === 'left';
    send(pressed ? 'down' : 'click', event, { button });
    event.preventDefault();
  });
  image.addEventListener('pointerup', event => {
    if (pressed) {
      send('up', event);
    }
    pressed = false;
  });
  image.addEventListener('pointermove', event => {
    if (event.timeStamp - moved >= MOVE_EVERY) {
      moved = event.timeStamp;
      send('move', event);
    }
  });
  image.addEventListener(
    'wheel',
    event => {
      const amount = Math.max(1, Math.round(Math.abs(event.deltaY) / 50));
      const direction = event.deltaY < 0 ? 'up' : 'down';
      send('scroll', event, { direction, amount });
      event.preventDefault();
    },
    { passive: false }
  );
  image.addEventListener('contextmenu', event => event.preventDefault());
}

function sendKeys(model: IModel, image: HTMLElement): void {
  image.addEventListener('keydown', event => {
    if (event.key === 'Escape' && event.shiftKey) {
      image.blur();
      return;
    }
    const asked = stroke(event);
    if (asked !== null) {
      model.send(asked);
      event.preventDefault();
    }
    event.stopPropagation();
  });
}

function render({ model, el }: IRender): () => void {
  el.classList.add('jp-mcp-screen');
  const image = document.createElement('img');
  image.className = 'jp-mcp-screen-image';
  image.alt = `Screen of the sandbox. ${RELEASE}`;
  image.title = RELEASE;
  image.tabIndex = 0;
  image.setAttribute('role', 'application');
  image.draggable = false;
  image.dataset.lmSuppressShortcuts = 'true';
  const status = statusLine(model);
  el.append(image, status.node);
  const unfollow = follow(model, image);
  sendMouse(model, image);
  sendKeys(model, image);
  const untell = tellVisibility(model, el);
  model.send({ kind: 'ready' });
  return () => {
    untell();
    unfollow();
    status.dispose();
  };
}

export default { render };
