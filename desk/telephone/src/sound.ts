/**
 * A sound that the browser may block: in a page that nobody has clicked or typed in since it was loaded.
 *
 * It is played at the next click or key then, if it is still wanted.
 */
export class Sound {
  /** Called with whether the browser blocks the sound, when that changes. */
  blocked = (_is: boolean): void => {};

  private isBlocked = false;
  private isWanted = false;

  constructor(readonly element: HTMLAudioElement) {
    for (const what of ["click", "keydown"]) document.addEventListener(what, () => void this.again(), true);
  }

  /** Play until `stop`, at once or as soon as the browser allows it. */
  async play(): Promise<void> {
    this.isWanted = true;
    try {
      await this.element.play();
      this.tell(false);
    } catch (error) {
      if ((error as DOMException).name === "NotAllowedError") this.tell(true);
      // Any other error: it was stopped meanwhile.
    }
  }

  stop(): void {
    this.isWanted = false;
    this.element.pause();
  }

  private async again(): Promise<void> {
    if (!this.isBlocked) return;
    const { isWanted } = this;
    if (isWanted || this.element.currentSrc) await this.play();
    else this.tell(false); // there is nothing to try it with
    if (!isWanted) this.stop();
  }

  private tell(is: boolean): void {
    if (this.isBlocked === is) return;
    this.isBlocked = is;
    this.blocked(is);
  }
}
