export const number = 41;
export const title = 'reading where nothing is to be read';
export const tries = 'reads stdin that nobody has given, in every language at hand, and the terminal';
export const mustHappen = 'it sees the end of the file at once, and goes on';
export const why = 'a program that waits for an answer that cannot come hangs until its limit';

const READERS = [
  ['cat', []],
  ['sh', ['-c', 'read line; echo "read $?"; cat /dev/stdin']],
  ['python3', ['-c', 'import sys; print(repr(sys.stdin.read()))']],
  ['python3', ['-c', 'input()']],
  ['sh', ['-c', 'cat < /dev/tty']],
];

export async function run(ctx) {
  await ctx.keepUp(async () => {
    for (const [command, args] of READERS) {
      const reply = await ctx.session.run(command, args, { timeoutMs: 60_000 });
      const { durationMs } = ctx.expectEnd(reply, 'exited', args.at(-1) ?? command);
      ctx.expect(durationMs < 4_000, `${args.at(-1)} waited ${durationMs} ms`);
    }
  });
  ctx.held(`${READERS.length} readers, none waited`);
}
