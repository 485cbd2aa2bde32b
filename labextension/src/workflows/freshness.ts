/** Whether what is shown is still true: when news came last, and since when they could have come. */
import { clock } from './run';

/** News come every two seconds; who hears nothing for so long looks at an old picture. */
const SILENT_MS = 12_000;

const SILENT = 'No news come: the kernel is busy, or it, the server or the network is gone.';

export class Freshness {
  /** @param node - What is shown: nobody brings news of what nobody sees. */
  constructor(node: Element) {
    this._observer = new IntersectionObserver(entries => {
      const isSeen = entries.some(({ isIntersecting }) => isIntersecting);
      this._seen = isSeen ? (this._seen ?? Date.now()) : null;
    });
    this._observer.observe(node);
    document.addEventListener('visibilitychange', this._turned);
  }

  dispose(): void {
    this._observer.disconnect();
    document.removeEventListener('visibilitychange', this._turned);
  }

  /** News have come, be it that all is as before. */
  heard(): void {
    this._heard = Date.now();
  }

  /** When news came last, in milliseconds since 1970; 0 for never. */
  get last(): number {
    return this._heard;
  }

  /** Whether it has been looked at for a while, and nothing was heard. */
  get isSilent(): boolean {
    const since = Math.max(this._heard, this._seen ?? Infinity);
    return !document.hidden && Date.now() - since > SILENT_MS;
  }

  /** Since when what is shown is old, and why as far as is known. */
  told(failure: string): string {
    const since = this._heard ? `This is as of ${clock(this._heard / 1000)}.` : '';
    return [since, failure || SILENT].filter(Boolean).join(' ');
  }

  private readonly _turned = (): void => {
    this._seen = document.hidden || this._seen === null ? this._seen : Date.now();
  };
  private readonly _observer: IntersectionObserver;
  private _heard = 0;
  private _seen: number | null = null;
}
