import { refusalOf } from '../../answers.mjs';

export const number = 53;
export const title = 'deleting /workspace itself';
export const tries = 'deletes, moves and replaces /workspace, /tmp and /, by command and by program';
export const mustHappen = 'the directories stay, and the session works on';
export const why = 'every command begins there: without it a session is dead, and a link there leads anywhere';

const PATHS = ['/workspace', '/workspace/', '/workspace/.', '.', '/', '/tmp', '/workspace/x/..'];
const SCRIPT =
  'rmdir /workspace; mv /workspace /tmp/w; rm -rf /workspace /workspace/* /workspace/.[a-z]*; ln -sfn /etc /workspace; true';

export async function run(ctx) {
  await ctx.keepUp(async () => {
    ctx.expectDone(await ctx.session.sh('mkdir -p x'));
    for (const path of PATHS) {
      const deleted = await refusalOf(ctx.session.command({ type: 'delete_file', path, recursive: true }));
      ctx.expect(deleted !== undefined, `${path} was deleted`);
      const move = { type: 'move_file', sourcePath: path, destinationPath: '/tmp/moved' };
      ctx.expect((await refusalOf(ctx.session.command(move))) !== undefined, `${path} was moved`);
    }
    ctx.expectDone(await ctx.session.sh(SCRIPT));
    const where = ctx.expectDone(await ctx.session.sh('pwd -P; test -w . && echo writable'));
    ctx.expect(where === '/workspace\nwritable\n', `the next command runs in ${where}`);
  });
  const written = await ctx.session.write('after', 'x');
  ctx.expect(written.success, `nothing can be written afterwards: ${written.error}`);
  ctx.held(`${PATHS.length} paths, none deleted or moved`);
}
