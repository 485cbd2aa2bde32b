/** A WebSocket of JSON frames to the server that comes back by itself when it drops. */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30000;

export class Socket {
  /**
   * @param onOpen called after each connection, also a renewed one.
   * @param onFrame called with each parsed frame.
   */
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _path: string,
    private readonly _onOpen: () => void,
    private readonly _onFrame: (frame: unknown) => void
  ) {}

  connect(): void {
    const { appendToken, token, wsUrl, WebSocket } = this._settings;
    const query = appendToken && token ? `?token=${encodeURIComponent(token)}` : '';
    const socket = new WebSocket(URLExt.join(wsUrl, this._path) + query);
    this._socket = socket;
    socket.onopen = () => {
      this._wait = FIRST_WAIT_MS;
      this._onOpen();
    };
    socket.onmessage = event => this._onFrame(JSON.parse(event.data as string));
    socket.onclose = () => {
      setTimeout(() => this.connect(), this._wait);
      this._wait = Math.min(2 * this._wait, LONGEST_WAIT_MS);
    };
  }

  /** Send a frame; one that cannot be sent is dropped, since `onOpen` tells everything anew. */
  send(frame: object): void {
    if (this._socket?.readyState === WebSocket.OPEN) {
      this._socket.send(JSON.stringify(frame));
    }
  }

  private _socket: WebSocket | null = null;
  private _wait = FIRST_WAIT_MS;
}
