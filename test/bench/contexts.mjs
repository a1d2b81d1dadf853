import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { measure, ms, ratio, table } from './measure.mjs';

const START_ROUNDS = 20;
const EVAL_PYTHON = 'import sys\nfor line in sys.stdin: print(repr(eval(line)), flush=True)';
const EVAL_NODE =
  "require('readline').createInterface({ input: process.stdin }).on('line', (l) => console.log(eval(l)))";

/** `1+1` in a context beside an interpreter on this machine that reads it from a pipe, and the start of both. */
export async function compareContexts(client, rounds) {
  const rows = [['', 'ours p50', 'p95', 'bare p50', 'p95', 'of bare']];
  for (const { language, command, evaluates, nothing } of [
    { language: 'python', command: 'python3', evaluates: EVAL_PYTHON, nothing: ['-c', 'pass'] },
    { language: 'nodejs', command: 'node', evaluates: EVAL_NODE, nothing: ['-e', '0'] },
  ]) {
    const { sessionId } = await client.call('session.create', { language });
    const contextId = await created(client, sessionId);
    const bare = new BareInterpreter(command, [nothing[0], evaluates]);
    const row = (name, [a, b]) => rows.push([name, ms(a.p50), ms(a.p95), ms(b.p50), ms(b.p95), ratio(a.p50, b.p50)]);
    try {
      const ways = [() => onePlusOne(client, contextId), () => bare.ask('1+1')];
      row(`1+1, ${language}`, await measure(ways, [rounds, rounds]));
      const starts = [
        async () => client.call('context.close', { contextId: await created(client, sessionId) }),
        () => ended(spawn(command, nothing, { stdio: 'ignore' })),
      ];
      row(`start and end, ${language}`, await measure(starts, [START_ROUNDS, START_ROUNDS]));
    } finally {
      bare.end();
      await client.call('session.close', { sessionId });
    }
  }
  table(rows);
}

async function created(client, sessionId) {
  const { contextId } = await client.call('context.create', { sessionId });
  return contextId;
}

async function onePlusOne(client, contextId) {
  const { results } = await client.call('context.execute', { contextId, code: '1+1' });
  if (results[0]['text/plain'] !== '2') throw new Error('1+1 was not 2');
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
