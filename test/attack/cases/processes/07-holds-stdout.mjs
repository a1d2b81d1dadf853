export const number = 7;
export const title = 'background child that holds stdout open';
export const tries = 'leaves a child, in a session of its own too, that keeps stdout and stderr open for 100 s';
export const mustHappen =
  'the command answers when its leader has ended, with all of its output, and the child is killed';
export const why = 'a reader that waits for the end of the pipe waits for the child instead';

export async function run(ctx) {
  for (const child of ['sleep 100 &', 'setsid sleep 100 &', '(setsid sh -c "exec sleep 100" &) &']) {
    const reply = await ctx.session.sh(`${child} echo done; exit 3`);
    const { stdout, exitCode, leftoversKilled, durationMs } = ctx.expectEnd(reply, 'exited', child);
    ctx.expect(stdout === 'done\n' && exitCode === 3, `${child} wrote ${stdout} and exited with ${exitCode}`);
    ctx.expect(durationMs < 60_000, `${child} held the answer back for ${durationMs} ms`);
    await ctx.expectNoProcess();
    ctx.held(`answered in ${durationMs} ms, ${leftoversKilled} killed`);
  }
}
