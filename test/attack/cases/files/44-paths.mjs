import { fileUrl, refusalOf } from '../../answers.mjs';

export const number = 44;
export const title = 'hostile paths';
export const tries = 'climbs by .., names absolute, empty, NUL and endless paths, in every command and over HTTP';
export const mustHappen = 'what leads out or is no path is refused, what is absolute meets only what the user may';
export const why = 'a path is the first thing that an attacker turns, and each command reads it anew';

const NO_PATHS = [
  '',
  'a\0b',
  '../etc/passwd',
  '..',
  '/workspace/../etc/passwd',
  '/workspace/a/../../etc/passwd',
  'a/../../etc/passwd',
  './/..//etc/passwd',
  'x/'.repeat(2_100),
  'x'.repeat(300),
];
const CLOSED = ['/etc/shadow', '//etc//shadow', '/./etc/shadow', '/usr/../etc/shadow'];

export async function run(ctx) {
  let refused = 0;
  const commands = (path) => [
    { type: 'read_file', path },
    { type: 'write_file', path, content: 'x' },
    { type: 'copy_file', sourcePath: path, destinationPath: 'copy' },
    { type: 'move_file', sourcePath: path, destinationPath: 'moved' },
    { type: 'delete_file', path, recursive: true },
  ];
  await ctx.keepUp(async () => {
    for (const path of [...NO_PATHS, ...CLOSED]) {
      for (const command of commands(path)) {
        const refusal = await refusalOf(ctx.session.command(command));
        const shown = path.length > 60 ? `${path.slice(0, 60)}…` : path;
        ctx.expect(refusal !== undefined, `${command.type} took ${JSON.stringify(shown)}`);
        ctx.expect(refusal !== 'internal_error', `${command.type} broke at ${JSON.stringify(shown)}`);
        refused++;
      }
      for (const method of ['GET', 'PUT']) {
        const { status } = await fetch(fileUrl(ctx, path), { method, ...(method === 'PUT' ? { body: 'x' } : {}) });
        ctx.expect(
          status >= 400 && status < 500,
          `${method} of ${JSON.stringify(path.slice(0, 60))} answered ${status}`,
        );
        refused++;
      }
    }
  });
  await ctx.expectAlive();
  ctx.held(`${refused} requests, all refused`);
}
