import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { atMost, of } from '../bench.mjs';

const EVAL_PYTHON = 'import sys\nfor line in sys.stdin: print(repr(eval(line)), flush=True)';
const EVAL_NODE =
  "require('readline').createInterface({ input: process.stdin }).on('line', (l) => console.log(eval(l)))";

/** Interpreters that keep their state, beside one on this machine that reads from a pipe. */
export const contexts = {
  name: 'contexts',
  title: 'Contexts: interpreters that keep their state',
  async run(bench) {
    const server = await bench.server({ POOL_SIZE: '0' });
    await compare(bench, server, 'python', 'Python', pythonHere(), EVAL_PYTHON, ['-c', 'pass']);
    await compare(bench, server, 'nodejs', 'JavaScript', 'node', EVAL_NODE, ['-e', '0']);
  },
};

/** The interpreter itself: what is called python3 may be a script that looks for it. */
function pythonHere() {
  return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
}

async function compare(bench, server, language, name, command, evaluates, nothing) {
  const session = await server.create({ language });
  const contextId = await created(server, session);
  const bare = new BareInterpreter(command, [nothing[0], evaluates]);
  try {
    const ways = [() => onePlusOne(server, contextId), () => bare.ask('1+1')];
    const rounds = bench.many(3_000, 3);
    const [a, b] = await bench.measure(ways, [rounds, rounds]);
    bench.add({
      name: `context.execute 1+1, ${name}`,
      unit: 'ms',
      seen: a,
      targets: [atMost(1.5, 'ms')],
      beside: [of(`a bare interpreter that reads from a pipe`, b)],
    });
  } finally {
    bare.end();
  }
  const starts = [
    async () => server.call('context.close', { contextId: await created(server, session) }),
    () => ended(spawn(command, nothing, { stdio: 'ignore' })),
  ];
  const startRounds = bench.many(20, 2);
  const [c, d] = await bench.measure(starts, [startRounds, startRounds]);
  bench.add({
    name: `context.create and close, ${name}`,
    unit: 'ms',
    seen: c,
    beside: [of(`start and end of a bare interpreter`, d)],
  });
  await server.close(session);
}

async function created(server, { sessionId }) {
  const { contextId } = await server.call('context.create', { sessionId });
  return contextId;
}

async function onePlusOne(server, contextId) {
  const { results } = await server.call('context.execute', { contextId, code: '1+1' });
  if (results[0]?.['text/plain'] !== '2') throw new Error('1+1 was not 2');
}

async function ended(child) {
  await once(child, 'exit');
}

class BareInterpreter {
  #child;
  #lines;

  constructor(command, args) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#lines = createInterface({ input: this.#child.stdout });
  }

  async ask(line) {
    const answer = once(this.#lines, 'line');
    this.#child.stdin.write(`${line}\n`);
    await answer;
  }

  end() {
    this.#child.kill();
  }
}
