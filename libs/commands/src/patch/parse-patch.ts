/** One hunk of a unified diff. Lines keep their first character: a space, a minus or a plus. */
export interface Hunk {
  /** Its `@@` line. */
  readonly header: string;
  /** Where it begins in the old file, from 1; 0 in an empty one. */
  readonly oldStart: number;
  readonly lines: readonly string[];
  /** Whether the last old, or new, line has no newline behind it. */
  readonly oldLacksNewline: boolean;
  readonly newLacksNewline: boolean;
}

export interface FilePatch {
  /** Null where the file is to be made, or to be deleted. */
  readonly oldPath: string | null;
  readonly newPath: string | null;
  readonly hunks: readonly Hunk[];
}

/** A text that is not a unified diff; the message says at which line. */
export class PatchSyntaxError extends Error {}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const NO_NEWLINE = '\\ No newline at end of file';

/** What git may ask for besides changed lines, by the line that asks for it. */
const NOT_APPLIED =
  /^(?:(?:rename|copy) (?:from|to) |(?:old|new) mode |new file mode (?!100644)|GIT binary patch|Binary files )/;

/**
 * Reads a unified diff of any number of files. What stands between them, as git's `index` lines, is passed over; what
 * asks for a change that is not made here, or may be a line of a hunk, is not.
 */
export function parsePatch(text: string): FilePatch[] {
  const lines = text.split('\n');
  const files: FilePatch[] = [];
  const between = new BetweenFiles();
  let at = 0;
  while (at < lines.length) {
    const isHeader = lines[at]?.startsWith('--- ') && lines[at + 1]?.startsWith('+++ ');
    if (!isHeader) {
      between.pass(lines[at] ?? '', at + 1);
      at++;
      continue;
    }
    between.beginFile();
    const [oldPath, newPath] = [pathOf(lines[at] ?? ''), pathOf(lines[at + 1] ?? '')];
    if (oldPath === null && newPath === null) throw new PatchSyntaxError(`line ${at + 1}: a file without a name`);
    at += 2;
    const hunks: Hunk[] = [];
    while (HUNK.test(lines[at] ?? '')) {
      const read = readHunk(lines, at);
      hunks.push(read.hunk);
      at = read.next;
    }
    if (hunks.length === 0) throw new PatchSyntaxError(`line ${at + 1}: a hunk is expected here`);
    files.push({ oldPath, newPath, hunks });
    between.endFile();
  }
  between.end();
  if (files.length === 0) throw new PatchSyntaxError('it names no file: a unified diff has lines with --- and +++');
  return files;
}

/** Sees to it that nothing is passed over that asks for a change. */
class BetweenFiles {
  /** The number of the `diff --git` line whose file has not come yet. */
  private announcedAt: number | undefined;
  private isBehindHunks = false;

  pass(line: string, number: number): void {
    if (line.startsWith('diff --git ')) {
      this.end();
      this.announcedAt = number;
      this.isBehindHunks = false;
    } else if (line === '-- ' || line === '--') {
      // Above the signature of a mail.
      this.isBehindHunks = false;
    }
    if (this.announcedAt !== undefined && NOT_APPLIED.test(line)) {
      throw new PatchSyntaxError(`line ${number}: only changes of lines are applied, and not "${line.slice(0, 80)}"`);
    }
    if (this.isBehindHunks && /^[-+ ]/.test(line)) {
      throw new PatchSyntaxError(`line ${number}: the hunk before it is longer than it says`);
    }
    if (line.startsWith('@@')) {
      const isHunk = HUNK.test(line) && !this.isBehindHunks;
      throw new PatchSyntaxError(
        `line ${number}: ${isHunk ? 'a hunk without the names of its file' : 'no hunk header'}`,
      );
    }
  }

  beginFile(): void {
    this.announcedAt = undefined;
  }

  endFile(): void {
    this.isBehindHunks = true;
  }

  end(): void {
    if (this.announcedAt === undefined) return;
    throw new PatchSyntaxError(`line ${this.announcedAt}: it names no file with --- and +++, and no line to change`);
  }
}

function readHunk(lines: readonly string[], start: number): { hunk: Hunk; next: number } {
  const header = lines[start] ?? '';
  const [, oldStart = '', oldCount = '1', , newCount = '1'] = HUNK.exec(header) ?? [];
  let [oldLeft, newLeft] = [Number(oldCount), Number(newCount)];
  const taken: string[] = [];
  let [oldLacksNewline, newLacksNewline] = [false, false];
  let at = start + 1;
  for (;;) {
    const line = lines[at]?.replace(/\r$/, '') ?? '';
    if (line === NO_NEWLINE) {
      const last = taken.at(-1)?.[0];
      oldLacksNewline ||= last !== '+';
      newLacksNewline ||= last !== '-';
      at++;
      continue;
    }
    if (oldLeft === 0 && newLeft === 0) break;
    // Editors cut the blank of a context line that is otherwise empty.
    const whole = lines[at] === '' && at < lines.length - 1 ? ' ' : lines[at];
    const kind = whole?.[0];
    if (whole === undefined || (kind !== ' ' && kind !== '-' && kind !== '+')) {
      throw new PatchSyntaxError(`line ${at + 1}: the hunk of line ${start + 1} is shorter than it says`);
    }
    if (kind !== '+') oldLeft--;
    if (kind !== '-') newLeft--;
    if (oldLeft < 0 || newLeft < 0) {
      throw new PatchSyntaxError(`line ${at + 1}: the hunk of line ${start + 1} is longer than it says`);
    }
    taken.push(whole);
    at++;
  }
  const hunk = { header, oldStart: Number(oldStart), lines: taken, oldLacksNewline, newLacksNewline };
  return { hunk, next: at };
}

/** The path of a `---` or `+++` line without the first of its directories (`-p1`), and without a time. */
function pathOf(line: string): string | null {
  const name = line.slice(4).split('\t', 1)[0]?.trim() ?? '';
  if (name === '/dev/null' || name === '') return null;
  const slash = name.indexOf('/');
  return name.startsWith('/') || slash < 0 ? name : name.slice(slash + 1);
}
