import { atLeast, atMost, of, sooner } from '../bench.mjs';
import { startsInside } from '../ways/bare.mjs';
import { bareContainer, dockerRun } from '../ways/engine.mjs';

const PRINT = ['python3', '-c', 'print(1)'];

/** Sessions and stateless runs, out of the pool and without it. */
export const creates = {
  name: 'pool',
  title: 'Sessions and runs in a container of their own',
  async run(bench) {
    const pooled = await bench.server({ POOL_LANGUAGES: 'python' });
    const cold = await bench.server({ POOL_SIZE: '0' });
    await compareCreates(bench, pooled, cold);
    await compareRuns(bench, pooled);
  },
};

async function compareCreates(bench, pooled, cold) {
  const create = (server) => async () => {
    const session = await server.create({ language: 'python' });
    return () => server.close(session);
  };
  const bare = async () => {
    const container = await bareContainer(bench, 'python');
    return () => container.remove({ force: true });
  };
  const typed = async () => void (await dockerRun(bench, 'python', ['true']));
  const ways = [create(pooled), create(cold), bare, typed];
  const [a, b, c, d] = await bench.inTurns(ways, bench.many(20, 1), () => pooled.poolIsFull());
  bench.add({
    name: 'session.create, out of the pool',
    unit: 'ms',
    seen: a,
    targets: [atMost(8, 'ms')],
    beside: [sooner('docker run true, as typed', d, atLeast(30, '×')), sooner('docker create + start, by API', c)],
  });
  bench.add({
    name: 'session.create, no pool',
    unit: 'ms',
    seen: b,
    beside: [sooner('docker run true, as typed', d), of('docker create + start, by API', c, atMost(1.3, '×'))],
  });
}

async function compareRuns(bench, pooled) {
  const run = async () => {
    const { status, stdout } = await pooled.call('execution.run', { language: 'python', code: 'print(1)' });
    if (status !== 'completed' || stdout !== '1\n') throw new Error(`execution.run ${status}: ${stdout}`);
  };
  const typed = async () => void (await dockerRun(bench, 'python', PRINT));
  const [a, b] = await bench.inTurns([run, typed], bench.many(20, 1), () => pooled.poolIsFull());
  const session = await pooled.create({ language: 'python' });
  const bare = await startsInside(pooled, session, bench.many(40, 3), PRINT);
  await pooled.close(session);
  bench.add({
    name: 'execution.run print(1), out of the pool',
    unit: 'ms',
    seen: a,
    beside: [
      sooner('docker run python3, as typed', b, atLeast(10, '×')),
      of('python3, spawned in the same container', bare, atMost(2.5, '×')),
    ],
  });
}
