export const number = 11;
export const title = 'program whose file is deleted, or never was one';
export const tries = 'runs a copy of a program and deletes it, and runs one out of memory (memfd_create)';
export const mustHappen = 'the kill finds both, and nothing stays';
export const why = 'who looks for processes by their executable does not find these';

export async function run(ctx) {
  const name = await ctx.program('11-deleted-binary.py');
  const { stdout, leftoversKilled } = await ctx.expectTimedOut([name], /\(deleted\)[^]*\(deleted\)/, 1_000);
  const deleted = stdout.match(/\(deleted\)/g)?.length ?? 0;
  ctx.expect(deleted === 2, `two programs without a file were to run: ${stdout}`);
  ctx.expect(leftoversKilled === 2, `${leftoversKilled} leftovers were killed`);
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held('both ran and were killed');
}
