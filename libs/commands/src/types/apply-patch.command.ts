import { IsBoolean, IsNotEmpty, IsOptional } from 'class-validator';

import { AgentError } from '#libs/runtime';
import { programDirectory } from '#libs/sessions';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { IsPath, IsTimeoutMs, IsWellFormed } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { applyHunks, Effort } from '../patch/apply-hunks.js';
import { type FilePatch, type Hunk, parsePatch, PatchSyntaxError } from '../patch/parse-patch.js';
import { sentence } from '../sentence.js';

const MAX_PATCH_BYTES = 4 * 1_048_576;
const MAX_FILES = 1_000;

export class ApplyPatchParams {
  /** A unified diff; of the names in it the first directory is left out, as by `patch -p1`. */
  @IsWellFormed()
  @IsNotEmpty()
  patch: string;

  @IsOptional()
  @IsPath()
  workingDirectory = '/workspace';

  /** Tells what would be done, and writes nothing. */
  @IsOptional()
  @IsBoolean()
  dryRun = false;

  @IsTimeoutMs()
  timeoutMs?: number;
}

interface Reject {
  readonly path: string;
  readonly hunk: string;
  readonly reason: string;
}

/** What a file has become: its text, or null where it is no more. */
type Outcome = { readonly text: string | null; readonly rejected: readonly Hunk[]; readonly reason: string };

@CommandHandler({
  type: 'apply_patch',
  params: ApplyPatchParams,
  summary:
    'Applies a unified diff, as patch -p1 does without fuzz; hunks that do not fit are told, the others applied.',
})
export class ApplyPatchCommand implements Command<ApplyPatchParams> {
  constructor(private readonly options: CommandsOptions) {}

  async execute({ patch, workingDirectory, dryRun }: ApplyPatchParams, context: CommandContext) {
    const directory = programDirectory(workingDirectory);
    const effort = new Effort();
    const rejects: Reject[] = [];
    let filesPatched = 0;
    let hunks = 0;
    for (const file of filesOf(patch)) {
      const path = `${directory}/${file.newPath ?? file.oldPath ?? ''}`;
      const outcome = await this.patched(path, file, effort, dryRun, context);
      hunks += file.hunks.length;
      if (outcome.rejected.length < file.hunks.length) filesPatched++;
      rejects.push(...outcome.rejected.map((hunk) => ({ path, hunk: textOf(hunk), reason: outcome.reason })));
    }
    const result = { filesPatched, hunksApplied: hunks - rejects.length, hunksFailed: rejects.length, rejects, dryRun };
    if (rejects.length === 0) return result;
    const message = `${rejects.length} of ${hunks} hunks could not be applied.`;
    throw new CommandFailure('patch_rejected', message, result);
  }

  private async patched(
    path: string,
    file: FilePatch,
    effort: Effort,
    dryRun: boolean,
    context: CommandContext,
  ): Promise<Outcome> {
    try {
      const outcome = outcomeOf(file, await this.read(path, context), effort);
      if (!dryRun && outcome.rejected.length < file.hunks.length) await write(path, file, outcome.text, context);
      return outcome;
    } catch (error) {
      if (!(error instanceof AgentError) || context.signal.aborted) throw error;
      return { text: null, rejected: file.hunks, reason: sentence(error.message) };
    }
  }

  /** Undefined where there is no such file. */
  private async read(path: string, context: CommandContext): Promise<string | undefined> {
    const { agent } = context.session.sandbox;
    const limit = this.options.maxReadBytes;
    try {
      const { content } = await agent.readFile(path, { length: limit + 1 }, context);
      if (content.length > limit) throw new AgentError('too_large', `the file has more than ${limit} bytes`, {});
      const text = content.toString();
      if (!Buffer.from(text).equals(content)) throw new AgentError('not_text', 'the file is not UTF-8 text', {});
      return text;
    } catch (error) {
      if (error instanceof AgentError && error.code === 'not_found') return undefined;
      throw error;
    }
  }
}

function filesOf(patch: string): FilePatch[] {
  if (Buffer.byteLength(patch) > MAX_PATCH_BYTES) {
    throw new CommandFailure('too_large', `A patch has at most ${MAX_PATCH_BYTES} bytes.`);
  }
  try {
    const files = parsePatch(patch);
    if (files.length <= MAX_FILES) return files;
  } catch (error) {
    if (error instanceof PatchSyntaxError)
      throw new CommandFailure('bad_patch', sentence(`the patch: ${error.message}`));
    throw error;
  }
  throw new CommandFailure('too_large', `A patch has at most ${MAX_FILES} files.`);
}

function outcomeOf({ oldPath, newPath, hunks }: FilePatch, before: string | undefined, effort: Effort): Outcome {
  const none = (reason: string): Outcome => ({ text: before ?? null, rejected: hunks, reason });
  if (oldPath === null && before !== undefined) return none('The file is there already.');
  if (oldPath !== null && before === undefined) return none('There is no such file.');
  const { text, rejected } = applyHunks(before ?? '', hunks, effort);
  if (newPath === null && (rejected.length > 0 || text !== '')) {
    return none('The file has other lines than those that are to go with it.');
  }
  const reason = effort.isSpent ? 'It would take too long to look for it.' : 'Its old lines are not in the file.';
  return { text: newPath === null ? null : text, rejected, reason };
}

async function write(
  path: string,
  { oldPath }: FilePatch,
  text: string | null,
  context: CommandContext,
): Promise<void> {
  const { agent } = context.session.sandbox;
  if (text === null) {
    await agent.deleteFile(path, false, context);
    return;
  }
  const mode = oldPath === null ? 'create_new' : 'overwrite';
  await agent.writeFile(path, Buffer.from(text), { mode, parents: oldPath === null }, context);
}

function textOf({ header, lines }: Hunk): string {
  return [header, ...lines].join('\n');
}
