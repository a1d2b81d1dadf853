import { fileUrl, refusalOf } from '../../answers.mjs';

const WITHIN_MS = 5_000;

export const number = 48;
export const title = 'FIFOs, sockets and devices';
export const tries = 'makes device nodes, and has FIFOs, sockets and devices read, written, copied and downloaded';
export const mustHappen = 'no device is made, and each request is refused as special_file at once: none hangs';
export const why = 'to open a FIFO waits for its other end: for ever, if the tenant wishes';

const PATHS = ['fifo', 'socket', 'link-to-fifo', 'link-to-zero', 'link-to-tty'].map((name) => `special/${name}`);
const DEVICES = ['/dev/zero', '/dev/random', '/dev/full', '/dev/ptmx'];

export async function run(ctx) {
  ctx.expectDenied(await ctx.attempts('48-special-files.py'));
  const begun = performance.now();
  let requests = 0;
  await ctx.keepUp(async () => {
    for (const path of [...PATHS, ...DEVICES]) {
      const answers = [
        refusalOf(ctx.session.read(path)),
        refusalOf(ctx.session.write(path, 'x', { mode: 'Append' })),
        refusalOf(ctx.session.command({ type: 'copy_file', sourcePath: path, destinationPath: 'copy' })),
        fetch(fileUrl(ctx, path)).then(({ ok }) => (ok ? undefined : 'special_file')),
      ];
      for (const refusal of await Promise.all(answers)) {
        ctx.expect(refusal !== undefined, `${path} was opened`);
        ctx.expect(refusal !== 'timed_out', `${path} made a request hang`);
        requests++;
      }
    }
  });
  const tookMs = performance.now() - begun;
  ctx.expect(tookMs < WITHIN_MS, `the refusals took ${tookMs.toFixed(0)} ms`);
  const deleted = await ctx.session.command({ type: 'delete_file', path: 'special', recursive: true });
  ctx.expect(deleted.success, `they could not be deleted: ${deleted.error}`);
  ctx.held(`${requests} requests, all refused at once`);
}
