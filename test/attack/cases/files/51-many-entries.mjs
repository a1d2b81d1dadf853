import { usageOf } from '../../../soak/host.mjs';

const PAGE = 10_000;
const PAGES = 3;
const MORE_MEMORY_MIB = 128;

export const number = 51;
export const title = 'directory of a million names';
export const tries = 'fills a directory with up to 1,000,000 names, and has it listed whole and by pages';
export const mustHappen = 'it comes in pages without a gap, and neither server nor agent holds all of it';
export const why = 'a list that is made whole is memory of the server, as much as the tenant has names';
export const timeoutMs = 60_000;

export async function run(ctx) {
  const made = Number(ctx.expectDone(await ctx.attack('51-many-entries.py', [], { timeoutMs: 50_000 })));
  ctx.expect(made > PAGE * PAGES, `only ${made} names could be made`);
  const before = ctx.server.pid && (await usageOf(ctx.server.pid));
  let cursor;
  let last = '';
  for (let page = 0; page < PAGES; page++) {
    const list = { type: 'list_directory', path: 'many', limit: PAGE, ...(cursor ? { cursor } : {}) };
    const { result, error } = await ctx.session.command(list);
    ctx.expect(result !== null, `it could not be listed: ${error}`);
    ctx.expect(result.entries.length <= PAGE, `a page has ${result.entries.length} entries`);
    for (const { name } of result.entries) {
      ctx.expect(name > last, `${name} came after ${last}`);
      last = name;
    }
    cursor = result.nextCursor;
    ctx.expect(typeof cursor === 'string', 'the list ended too early');
  }
  ctx.expect(last === `00-${String(PAGE * PAGES - 1).padStart(6, '0')}`, `after ${PAGES} pages it is at ${last}`);
  const after = ctx.server.pid && (await usageOf(ctx.server.pid));
  const grownMiB = before ? after.memoryMiB - before.memoryMiB : 0;
  ctx.expect(grownMiB < MORE_MEMORY_MIB, `the server grew by ${grownMiB.toFixed(0)} MiB`);
  await ctx.expectAlive();
  ctx.held(`${made} names, in pages of ${PAGE}; the server grew by ${grownMiB.toFixed(0)} MiB`);
}
