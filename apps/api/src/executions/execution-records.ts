import type { RunResult } from '#libs/commands';

export type ExecutionStatus = 'queued' | 'running' | 'completed' | 'failed';

/** An execution as clients see it. `completed` alone means that the program ran and exited by itself. */
export interface ExecutionView extends Partial<RunResult> {
  readonly executionId: string;
  readonly status: ExecutionStatus;
  /** Once it has ended: the same as `status: "completed"`. */
  readonly success?: boolean;
  readonly error?: string | null;
  readonly errorCode?: string;
}

interface Kept {
  readonly view: ExecutionView;
  readonly bytes: number;
  readonly at: number;
}

/** Results are kept so long for whoever asks later. */
const KEPT_MS = 600_000;
const MAX_RECORDS = 2_000;
/** Of all results together. */
const MAX_BYTES = 64 * 1024 * 1024;
const RECORD_BYTES = 512;

/** The executions that were started with `async`: a memory of what became of them, bounded in time, number and bytes. */
export class ExecutionRecords {
  private readonly records = new Map<string, Kept>();
  private bytes = 0;

  put(view: ExecutionView): void {
    this.forget(view.executionId);
    const outputs = [view.stdout, view.stderr, view.stdoutBase64, view.stderrBase64];
    const bytes = outputs.reduce((sum, output) => sum + (output?.length ?? 0), RECORD_BYTES);
    this.records.set(view.executionId, { view, bytes, at: Date.now() });
    this.bytes += bytes;
    this.trim();
  }

  get(executionId: string): ExecutionView | undefined {
    const record = this.records.get(executionId);
    return record && !hasExpired(record) ? record.view : undefined;
  }

  /** The oldest stand first, because every change moves a record to the end. */
  private trim(): void {
    for (const [id, record] of this.records) {
      const fits = this.records.size <= MAX_RECORDS && this.bytes <= MAX_BYTES;
      if (fits && !hasExpired(record)) return;
      if (hasEnded(record)) this.forget(id);
    }
  }

  private forget(executionId: string): void {
    this.bytes -= this.records.get(executionId)?.bytes ?? 0;
    this.records.delete(executionId);
  }
}

function hasEnded({ view }: Kept): boolean {
  return view.status === 'completed' || view.status === 'failed';
}

function hasExpired(record: Kept): boolean {
  return hasEnded(record) && Date.now() - record.at > KEPT_MS;
}
