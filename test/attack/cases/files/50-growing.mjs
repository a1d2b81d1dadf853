import { fileUrl } from '../../answers.mjs';

export const number = 50;
export const title = 'file that grows while it is read';
export const tries = 'appends to a file without a pause while it is read, copied and downloaded';
export const mustHappen = 'each ends, with no more than the file had, or than a reply may hold';
export const why = 'who reads to the end of a file that has none reads for ever';

const APPEND = 'echo begun; while :; do echo 0123456789012345678901234567890123456789 >> growing; done';

export async function run(ctx) {
  const program = ctx.session.stream({
    type: 'execute_shell',
    commandName: 'sh',
    args: ['-c', `: > growing; ${APPEND}`],
  });
  await program.said('begun');
  let downloads = 0;
  await ctx.keepUp(async () => {
    const read = await ctx.session.read('growing');
    ctx.expect(read.success, `the growing file could not be read: ${read.error}`);
    ctx.expect(read.result.content.length === read.result.bytes, 'the reply does not hold what it says');
    const got = await fetch(fileUrl(ctx, 'growing'));
    const { byteLength } = await got.arrayBuffer();
    ctx.expect(Number(got.headers.get('content-length')) === byteLength, 'a download was not as long as promised');
    const copied = await ctx.session.command({ type: 'copy_file', sourcePath: 'growing', destinationPath: 'copy' });
    ctx.expect(copied.success, `it could not be copied: ${copied.error}`);
    downloads++;
  }, 1_000);
  await ctx.cancel(program);
  await ctx.expectNoProcess();
  ctx.held(`${downloads} reads, copies and downloads ended`);
}
