import { of } from '../bench.mjs';

const CONTENT = 'x = 10\nprint(x * 2)\n';

/** Time of processors that the server itself takes for a call: what bounds the calls that one server can answer. */
export const cpu = {
  name: 'cpu',
  title: "The server's own time on a processor, a call",
  async run(bench) {
    const server = await bench.server({ POOL_SIZE: '0' });
    const session = await server.create({ language: 'python' });
    const { contextId } = await server.call('context.create', { sessionId: session.sessionId });
    const file = { type: 'write_file', path: 'bench.py', content: CONTENT };
    let nothing;
    for (const [name, way] of [
      ['session.get', () => server.call('session.get', { sessionId: session.sessionId })],
      ['execute_shell /bin/true', () => server.shell(session, '/bin/true')],
      ['write_file, 20 bytes', () => server.execute(session, file)],
      ['read_file, 20 bytes', () => server.execute(session, { type: 'read_file', path: 'bench.py' })],
      ['context.execute 1+1, Python', () => server.call('context.execute', { contextId, code: '1+1' })],
    ]) {
      const seen = await perCall(server, way, bench.many(3_000, 50), bench.many(500, 5));
      bench.add({ name, unit: 'ms', seen, beside: nothing ? [of('session.get, which asks nobody', nothing)] : [] });
      nothing ??= seen;
    }
    await server.close(session);
  },
};

/** One after the other, as a single client asks. */
async function perCall(server, way, count, warmUp) {
  for (let index = 0; index < warmUp; index++) await way();
  const before = await server.cpuMs();
  for (let index = 0; index < count; index++) await way();
  // What takes less than a tick of the kernel's clock must not come out as nothing to divide by.
  return Math.max((await server.cpuMs()) - before, 1) / count;
}
