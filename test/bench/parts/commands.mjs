import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { of, sooner } from '../bench.mjs';
import { bareSpawn, startsInside } from '../ways/bare.mjs';
import { execByApi, execTyped } from '../ways/engine.mjs';

const PATH = '/workspace/bench.py';
const CONTENT = 'x = 10\nprint(x * 2)\n';
const PRINT = ['-c', 'print(1)'];

/** One command in a session that is there. */
export const commands = {
  name: 'commands',
  title: 'One command in a live session',
  async run(bench) {
    const server = await bench.server({ POOL_SIZE: '0' });
    const session = await server.create({ language: 'python' });
    const { containerId } = session;
    const file = join(bench.directory, 'bare');
    const rounds = bench.many(200, 3);
    const slowRounds = bench.many(50, 2);
    for (const { name, ours, command, stdin, bareName, bare, inside } of [
      {
        name: 'execute_shell /bin/true',
        ours: () => server.shell(session, '/bin/true'),
        command: ['/bin/true'],
        bareName: 'a bare spawn',
        bare: () => bareSpawn('/bin/true'),
      },
      {
        name: "execute_shell python3 -c 'print(1)'",
        ours: () => server.shell(session, 'python3', PRINT),
        command: ['python3', ...PRINT],
        bareName: 'python3, spawned in the same container',
        inside: ['python3', ...PRINT],
      },
      {
        name: 'write_file, 20 bytes',
        ours: () => server.execute(session, { type: 'write_file', path: PATH, content: CONTENT }),
        command: ['tee', PATH],
        stdin: CONTENT,
        bareName: 'a bare write',
        bare: () => writeFile(file, CONTENT),
      },
      {
        name: 'read_file, 20 bytes',
        ours: async () => {
          const { content } = await server.execute(session, { type: 'read_file', path: PATH });
          if (content !== CONTENT) throw new Error('read_file answered with something else than was written');
        },
        command: ['cat', PATH],
        bareName: 'a bare read',
        bare: () => readFile(file, 'utf8'),
      },
    ]) {
      const ways = [ours, () => execByApi(containerId, command, stdin)];
      // Nothing is typed with an input here.
      if (stdin === undefined) ways.push(() => execTyped(containerId, command));
      if (bare) ways.push(bare);
      const times = await bench.measure(
        ways,
        ways.map((way) => (way === ours || way === bare ? rounds : slowRounds)),
      );
      const seen = (way) => times[ways.indexOf(way)];
      const beside = [sooner(`docker exec ${command[0]}, by API`, times[1])];
      if (stdin === undefined) beside.unshift(sooner(`docker exec ${command[0]}, as typed`, times[2]));
      beside.push(of(bareName, bare ? seen(bare) : await startsInside(server, session, bench.many(40, 3), inside)));
      bench.add({ name, unit: 'ms', seen: seen(ours), beside });
    }
  },
};
