import { execFile } from 'node:child_process';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { outcomeOf } from '../../answers.mjs';
import { belongings } from '../../../soak/host.mjs';

const exec = promisify(execFile);
const HOST_MIB = 96;
const SESSION_MIB = 32;
const AT_ONCE = 8;
const SMALL = { language: 'python', memoryLimitMB: 64, diskLimitMB: SESSION_MIB };

export const number = 85;
export const title = "host's disk that is full";
export const tries = 'makes sessions until the disk of the host has no more room, then has them write all they may';
export const mustHappen =
  'creates are refused as host_disk_full and leave nothing; each session can write what it was promised; what is closed makes room';
export const why = 'bytes that a session wrote and the host then has no room for are lost without a word';
export const session = null;

export async function run(ctx) {
  if (process.getuid() !== 0) ctx.notApplicable('a disk of its own needs root');
  const disk = await mounted(ctx);
  const server = await ctx.ownServer({ STATE_DIRECTORY: disk, LOG_LEVEL: 'silent' });
  const client = await ctx.connect(server);
  const storm = () =>
    Promise.all(Array.from({ length: AT_ONCE }, () => outcomeOf(client.call('session.create', SMALL))));
  const answers = await storm();
  const made = answers.flatMap(({ result }) => (result ? [result] : []));
  if (made[0]?.config.diskLimitKind === 'tmpfs') ctx.notApplicable('workspaces are in memory here, not on a disk');
  ctx.expect(made.length > 0 && made.length < HOST_MIB / SESSION_MIB, `${made.length} sessions found room`);
  expectFull(ctx, answers);
  const left = await belongings(server.serverId, disk);
  ctx.expect(
    left.filter((what) => what.startsWith('container')).length === made.length,
    `refused creates left ${left.join(', ')}`,
  );
  await Promise.all(made.map(({ sessionId }) => expectPromised(ctx, client, sessionId)));
  await client.call('session.close', { sessionId: made[0].sessionId });
  const again = await storm();
  expectFull(ctx, again);
  ctx.expect(
    again.filter(({ result }) => result).length === 1,
    'a session that was closed did not make room for another',
  );
  ctx.held(`${made.length} of ${AT_ONCE} found room and wrote all of it; one more after one was closed`);
}

function expectFull(ctx, answers) {
  const wrong = answers.find(({ reason }) => reason !== undefined && reason !== 'host_disk_full');
  ctx.expect(wrong === undefined, `a create was refused as ${wrong?.reason}: ${wrong?.message}`);
}

/** Writes and syncs until the session's own disk is full, and reads it back. */
async function expectPromised(ctx, client, sessionId) {
  const script = [
    'dd if=/dev/urandom of=f bs=1M count=20 conv=fsync 2>/dev/null && sha256sum f > sum',
    'dd if=/dev/zero of=rest bs=64k conv=fsync 2>/dev/null; rm rest; sync; sha256sum -c sum',
  ].join(' && ');
  const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', script] };
  const reply = await client.call('session.execute', { sessionId, command });
  ctx.expect(ctx.expectDone(reply, 'a session on a full host').includes('f: OK'), 'a session lost what it had written');
}

/** A real file system that may be filled. */
async function mounted(ctx) {
  const directory = await ctx.temporaryDirectory();
  const image = join(directory, 'image');
  const path = join(directory, 'disk');
  await mkdir(path);
  await writeFile(image, '');
  await truncate(image, HOST_MIB << 20);
  await exec('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  await exec('mount', ['-o', 'loop', image, path]);
  ctx.defer(() => exec('umount', [path]));
  return path;
}
