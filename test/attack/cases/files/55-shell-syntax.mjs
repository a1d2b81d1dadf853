import { refusalOf } from '../../answers.mjs';

const WITHIN_MS = 3_000;

export const number = 55;
export const title = 'shell syntax in paths, patterns and arguments';
export const tries =
  'gives $(…), backticks, ;, | and globs to list, read, delete and to a program; and a pattern that backtracks';
export const mustHappen = 'they are names and nothing else: nothing runs, and no pattern takes long';
export const why = 'the C# original put list arguments into a shell: every pattern was a command';

const WORDS = [
  '$(touch /tmp/pwned)',
  '`touch /tmp/pwned`',
  '; touch /tmp/pwned',
  '| touch /tmp/pwned',
  '& touch /tmp/pwned &',
  "'; touch /tmp/pwned; '",
  '"; touch /tmp/pwned; "',
  '\ntouch /tmp/pwned\n',
  '-exec touch /tmp/pwned ;',
  '--checkpoint-action=exec=touch /tmp/pwned',
  '${IFS}touch${IFS}/tmp/pwned',
];

export async function run(ctx) {
  const long = 'a'.repeat(250);
  await ctx.session.write(`deep/${long}`, 'kept');
  await ctx.keepUp(async () => {
    for (const word of WORDS) {
      const commands = [
        { type: 'list_directory', path: 'deep', pattern: word },
        { type: 'list_directory', path: word, pattern: '*' },
        { type: 'read_file', path: word },
        { type: 'delete_file', path: word, recursive: true },
        { type: 'stat_file', path: word },
      ];
      for (const command of commands) await refusalOf(ctx.session.command(command));
      const echoed = ctx.expectDone(await ctx.session.run('printf', ['%s', word]));
      ctx.expect(echoed === word, `an argument became ${JSON.stringify(echoed)}`);
      const named = await ctx.session.run(word);
      ctx.expect(named.errorCode === 'spawn_failed', `a program's name was taken for more: ${word}`);
    }
    const begun = performance.now();
    await ctx.session.command({ type: 'list_directory', path: 'deep', pattern: `${'*a'.repeat(40)}b` });
    ctx.expect(performance.now() - begun < WITHIN_MS, 'a pattern backtracks');
  });
  const pwned = await refusalOf(ctx.session.command({ type: 'stat_file', path: '/tmp/pwned' }));
  ctx.expect(pwned === 'not_found', 'something of it was run');
  const kept = await ctx.session.read(`deep/${long}`);
  ctx.expect(kept.result?.content === 'kept', 'a file was deleted by a glob');
  ctx.held(`${WORDS.length} words, nothing ran`);
}
