import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';

import { RuntimeError } from '#libs/runtime';

import type { Engine } from './engine.js';
import { WorkspaceDisks } from './workspace-disks.js';

const MIB = 1_048_576;
const REMOTE = 'tcp://engine.example:2375';
const LOCAL = 'unix:///var/run/docker.sock';

function disks(wanted: 'auto' | 'loop-ext4' | 'tmpfs', dockerHost: string, hostName: () => Promise<string>) {
  return new WorkspaceDisks(wanted, dockerHost, { hostName } as Engine, tmpdir(), true);
}

const elsewhere = () => Promise.resolve('another-host.example');

describe('the disks of workspaces', () => {
  it.each([
    ['is reached over the network', REMOTE],
    ['is reached by a socket but says that it is another host', LOCAL],
  ])('are in memory where the engine %s', async (_how, dockerHost) => {
    const disk = await disks('auto', dockerHost, elsewhere).make(MIB);
    expect(disk.mount).toEqual({ kind: 'tmpfs' });
    await disk.mounted();
    await disk.discard();
  });

  it('are not made at all where loop devices are demanded and cannot be used', async () => {
    await expect(disks('loop-ext4', REMOTE, elsewhere).make(MIB)).rejects.toThrow('the engine is on another host');
  });

  it('are in memory where that is asked for, whatever the host can', async () => {
    const unasked = (): Promise<string> => Promise.reject(new Error('the engine need not be asked'));
    expect((await disks('tmpfs', LOCAL, unasked).make(MIB)).mount).toEqual({ kind: 'tmpfs' });
  });

  it('are not decided on while the engine does not answer: the next try asks again', async () => {
    let tries = 0;
    const made = disks('auto', LOCAL, () => {
      if (++tries === 1) return Promise.reject(new RuntimeError('engine_unavailable', 'It is away.'));
      return elsewhere();
    });
    await expect(made.make(MIB)).rejects.toMatchObject({ kind: 'engine_unavailable' });
    expect((await made.make(MIB)).mount).toEqual({ kind: 'tmpfs' });
    expect(tries).toBe(2);
  });
});
