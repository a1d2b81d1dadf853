const COUNTS = [100, 300];

/** The server's own memory beside sessions that do nothing. */
export const memory = {
  name: 'memory',
  title: "The server's memory, and how many sessions it has",
  async run(bench) {
    const counts = bench.quick ? [3] : COUNTS;
    const server = await bench.server({ POOL_SIZE: '0', MAX_SESSIONS: String(Math.max(...counts)) });
    await server.close(await server.create({ language: 'python', diskLimitMB: 16 }));
    const none = await server.settledMiB();
    bench.add({ name: 'no session', unit: 'MiB', seen: none });
    const sessions = [];
    for (const count of counts) {
      const missing = Array.from({ length: count - sessions.length }, () =>
        server.create({ language: 'python', diskLimitMB: 16 }),
      );
      const outcomes = await Promise.allSettled(missing);
      const made = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
      sessions.push(...made);
      // Each has been used once, as sessions are.
      for (const session of made) await server.shell(session, '/bin/true');
      const why = outcomes.find(({ status }) => status === 'rejected')?.reason.message;
      const succeeded = { count: sessions.length, of: count, why };
      const seen = await server.settledMiB();
      bench.add({ name: `${count} sessions`, unit: 'MiB', seen, succeeded });
      bench.add({ name: `each of ${count}`, unit: 'MiB', seen: (seen - none) / count });
    }
    // One after the other: so many calls at once are more than a connection may have.
    for (const session of sessions) await server.close(session);
    bench.add({ name: 'after the last was closed', unit: 'MiB', seen: await server.settledMiB() });
  },
};
