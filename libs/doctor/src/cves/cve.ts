/** A way to a weakness that the lock-down shuts; see doors.ts. */
export type Door = 'AF_ALG' | 'AF_RXRPC' | 'user namespaces' | 'network' | 'host network' | 'archive API';

export type CveComponent = 'Engine' | 'Docker Desktop' | 'containerd' | 'runc' | 'kernel';

/** A known weakness of what sandboxes stand on. */
export interface Cve {
  readonly id: string;
  readonly component: CveComponent;
  /** What it lets somebody do, as the end of a sentence. */
  readonly does: string;
  /** The first version that has it; all before the fix where absent. */
  readonly since?: string;
  /**
   * The first version of each branch that has it no more, the newest last; what is newer than that is fixed too. A
   * branch that is not named was never fixed, unless `isPartial`.
   */
  readonly fixedIn: readonly string[];
  /** True where fixes of other branches are not known here. */
  readonly isPartial?: true;
  /** Whether it leads from a sandbox to its host. */
  readonly isEscape: boolean;
  /** What a program must be able to use for it. Absent where every sandbox can. */
  readonly door?: Door;
}
