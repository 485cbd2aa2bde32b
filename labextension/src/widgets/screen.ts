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

function sendMouse(model: IModel, surface: HTMLElement): void {
  let moved = 0;
  let pressed = false;
  const send = (kind: string, event: MouseEvent, more: object = {}) => {
    const coordinate = place(event, surface, sizeOf(model));
    model.send({ kind, coordinate, ...more });
  };
  surface.addEventListener('pointerdown', event => {
    const button = BUTTONS[event.button];
    if (button === undefined) {
      return;
    }
    surface.focus();
    surface.setPointerCapture(event.pointerId);
    pressed = button === 'left';
    send(pressed ? 'down' : 'click', event, { button });
    event.preventDefault();
  });
  surface.addEventListener('pointerup', event => {
    if (pressed) {
      send('up', event);
    }
    pressed = false;
  });
  surface.addEventListener('pointermove', event => {
    if (event.timeStamp - moved >= MOVE_EVERY) {
      moved = event.timeStamp;
      send('move', event);
    }
  });
  surface.addEventListener(
    'wheel',
    event => {
      const amount = Math.max(1, Math.round(Math.abs(event.deltaY) / 50));
      const direction = event.deltaY < 0 ? 'up' : 'down';
      send('scroll', event, { direction, amount });
      event.preventDefault();
    },
    { passive: false }
  );
  surface.addEventListener('contextmenu', event => event.preventDefault());
}

/**
 * Characters are what the browser makes of keys, so that dead keys, input methods and dictation
 * work too; all other keys go as keys.
 */
function sendKeys(model: IModel, surface: HTMLTextAreaElement): void {
  const flush = () => {
    if (surface.value !== '') {
      model.send({ kind: 'text', text: surface.value });
      surface.value = '';
    }
  };
  surface.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.isComposing) {
      return;
    }
    if (event.key === 'Escape' && event.shiftKey) {
      surface.blur();
      return;
    }
    const asked = stroke(event);
    if (asked?.kind === 'key') {
      model.send(asked);
      event.preventDefault();
    }
  });
  surface.addEventListener('input', event => {
    if (!(event as InputEvent).isComposing) {
      flush();
    }
  });
  surface.addEventListener('compositionend', flush);
}

function render({ model, el }: IRender): () => void {
  el.classList.add('jp-mcp-screen');
  const screen = document.createElement('div');
  screen.className = 'jp-mcp-screen-frame';
  const image = document.createElement('img');
  image.alt = 'What the screen of the sandbox shows';
  const surface = document.createElement('textarea');
  surface.className = 'jp-mcp-screen-surface';
  surface.title = RELEASE;
  surface.setAttribute('aria-label', `Screen of the sandbox. ${RELEASE}`);
  surface.spellcheck = false;
  surface.setAttribute('autocapitalize', 'off');
  surface.setAttribute('autocomplete', 'off');
  surface.dataset.lmSuppressShortcuts = 'true';
  screen.append(image, surface);
  const status = statusLine(model);
  el.append(screen, status.node);
  const unfollow = follow(model, image);
  sendMouse(model, surface);
  sendKeys(model, surface);
  const untell = tellVisibility(model, el);
  model.send({ kind: 'ready' });
  return () => {
    untell();
    unfollow();
    status.dispose();
  };
}

export default { render };
