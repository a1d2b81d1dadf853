/** What the warm pool has done since the server started, and has now. */
export interface PoolCounts {
  /** Sandboxes that are ready. */
  readonly idle: number;
  /** Sandboxes that are being made. */
  readonly filling: number;
  /** Sessions that got one, `resized` of them with other limits. */
  readonly hits: number;
  readonly resized: number;
  /** Sessions for which none was there. */
  readonly misses: number;
  /** Sandboxes taken out because they were surplus, old, or did not answer. */
  readonly discarded: number;
  /** How long those that were handed out had been ready, on average; null before the first. */
  readonly meanAgeMs: number | null;
  /** Of the one that has been ready longest; null when none is. */
  readonly oldestAgeMs: number | null;
}

/** Counts what becomes of pooled sandboxes. */
export class PoolCounter {
  hits = 0;
  resized = 0;
  misses = 0;
  discarded = 0;
  private agesMs = 0;

  hit(ageMs: number, wasResized: boolean): void {
    this.hits++;
    this.agesMs += ageMs;
    if (wasResized) this.resized++;
  }

  counts(idle: number, filling: number, oldestAgeMs: number | null): PoolCounts {
    const { hits, resized, misses, discarded } = this;
    const meanAgeMs = hits === 0 ? null : Math.round(this.agesMs / hits);
    return { idle, filling, hits, resized, misses, discarded, meanAgeMs, oldestAgeMs };
  }
}
