/** Buffers kept for the next frames, over all connections. */
const KEPT_FRAMES = 16;

/**
 * Memory for frames of a file's content: they come by the thousand, and as garbage each would have to be found by the
 * collector, which costs more than all the rest of a download.
 */
export class FrameMemory {
  private readonly free: Buffer[] = [];

  /** @param frameBytes size of the frames whose memory is kept; others get fresh memory */
  constructor(private readonly frameBytes: number) {}

  take(bytes: number): Buffer {
    const kept = bytes === this.frameBytes ? this.free.pop() : undefined;
    return kept ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Of memory from {@link take} that nobody has any more. */
  giveBack(frame: Buffer): void {
    if (frame.length === this.frameBytes && this.free.length < KEPT_FRAMES) this.free.push(frame);
  }
}
