import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

import { atLeast, atMost, of } from '../bench.mjs';
import { spread } from '../measure.mjs';
import { dockerCopy } from '../ways/engine.mjs';

const run = promisify(execFile);
const MB = 1_000_000;
const BLOCK_BYTES = 16 * 1024 * 1024;
const RSS_EVERY_MS = 50;
const LEAST_RATIO = 0.33;
const MOST_GROWTH_MIB = 64;

/** Large files over HTTP. */
export const files = {
  name: 'files',
  title: 'Files over HTTP',
  async run(bench) {
    const rateBytes = bench.many(256, 8) * MB;
    const largeBytes = bench.many(2_000, 32) * MB;
    const server = await bench.server({ POOL_SIZE: '0' });
    const diskLimitMB = Math.ceil((1.1 * (largeBytes + 3 * rateBytes)) / MB);
    const session = await server.create({ language: 'python', diskLimitMB });
    const client = await clientHere();
    const transfers = new client(server, session);
    await compareRates(bench, transfers, session, rateBytes);
    await watchMemory(bench, server, transfers, largeBytes);
    await server.close(session);
  },
};

async function compareRates(bench, transfers, { containerId }, bytes) {
  const source = await makeFile(join(bench.directory, 'source'), bytes);
  const back = join(bench.directory, 'back');
  const ways = {
    up: () => transfers.put('ours', source),
    upCopy: () => dockerCopy(source, `${containerId}:/workspace/theirs`),
    down: () => transfers.get('ours', back),
    downCopy: () => dockerCopy(`${containerId}:/workspace/ours`, back),
  };
  const rates = { up: [], upCopy: [], down: [], downCopy: [] };
  for (let round = -1; round < bench.many(5, 1); round++) {
    for (const [name, way] of Object.entries(ways)) {
      await rm(back, { force: true });
      const startedAt = performance.now();
      await way();
      // The first round warms both up.
      if (round >= 0) rates[name].push(bytes / MB / ((performance.now() - startedAt) / 1000));
    }
  }
  for (const way of ['up', 'down']) {
    bench.add({
      name: `${bytes / MB} MB ${way}, by ${transfers.name}`,
      unit: 'MB/s',
      seen: spread(rates[way]).p50,
      beside: [of('docker cp', spread(rates[`${way}Copy`]).p50, atLeast(LEAST_RATIO, '×'))],
    });
  }
  await rm(source);
}

async function watchMemory(bench, server, transfers, bytes) {
  const source = await makeFile(join(bench.directory, 'large'), bytes);
  const back = join(bench.directory, 'back');
  for (const direction of ['up', 'down']) {
    const transfer = direction === 'up' ? transfers.put('large', source) : transfers.get('large', back);
    bench.add({
      name: `growth of the server over ${bytes / MB} MB ${direction}`,
      unit: 'MiB',
      seen: await growthDuring(server, transfer),
      targets: [atMost(MOST_GROWTH_MIB, 'MiB')],
    });
  }
  if ((await hashOf(source)) !== (await hashOf(back))) throw new Error('a file came back otherwise than it was sent');
}

async function growthDuring(server, work) {
  const before = await server.residentMiB();
  let peak = before;
  const timer = setInterval(() => {
    // A read that fails says that the server has gone, which the work itself tells.
    server.residentMiB().then(
      (now) => (peak = Math.max(peak, now)),
      () => undefined,
    );
  }, RSS_EVERY_MS);
  await work.finally(() => clearInterval(timer));
  return peak - before;
}

/** Beside `docker cp`, which is a compiled program, a client should not burn more than a user's would. */
async function clientHere() {
  return run('curl', ['--version']).then(
    () => CurlTransfers,
    () => NodeTransfers,
  );
}

/** Uploads and downloads of one session's files, from and to files of this machine, as a user types them. */
class CurlTransfers {
  name = 'curl';

  constructor({ port }, { sessionId }) {
    this.url = (path) => `http://127.0.0.1:${port}/v1/sessions/${sessionId}/files?path=${path}`;
  }

  put(path, source) {
    return run('curl', ['--silent', '--show-error', '--fail', '--upload-file', source, this.url(path)]);
  }

  get(path, target) {
    return run('curl', ['--silent', '--show-error', '--fail', '--output', target, this.url(path)]);
  }
}

/** The same where there is no curl. */
class NodeTransfers {
  name = 'Node';

  constructor({ port }, { sessionId }) {
    this.options = (method, path) => ({
      host: '127.0.0.1',
      port,
      method,
      path: `/v1/sessions/${sessionId}/files?path=${path}`,
      agent: false,
    });
  }

  async put(path, source) {
    const sent = request(this.options('PUT', path));
    const response = once(sent, 'response');
    await pipeline(createReadStream(source, { highWaterMark: 1024 * 1024 }), sent);
    const [{ statusCode }] = await response;
    if (statusCode !== 200 && statusCode !== 201) throw new Error(`an upload was answered with ${statusCode}`);
  }

  async get(path, target) {
    const sent = request(this.options('GET', path)).end();
    const [response] = await once(sent, 'response');
    if (response.statusCode !== 200) throw new Error(`a download was answered with ${response.statusCode}`);
    await pipeline(response, createWriteStream(target));
  }
}

async function makeFile(path, bytes) {
  const file = await open(path, 'w');
  const block = randomBytes(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    block.writeDoubleLE(at);
    await file.write(block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  await file.close();
  return path;
}

async function hashOf(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
