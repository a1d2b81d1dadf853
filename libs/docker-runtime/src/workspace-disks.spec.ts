import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';

import { type EngineFacts, RuntimeError } from '#libs/runtime';

import type { Engine } from './engine.js';
import { WorkspaceDisks } from './workspace-disks.js';

const MIB = 1_048_576;
type Facts = Pick<EngineFacts, 'isLocal' | 'securityOptions'>;

function disks(wanted: 'auto' | 'loop-ext4' | 'tmpfs', facts: () => Promise<Facts>) {
  return new WorkspaceDisks(wanted, { facts } as unknown as Engine, tmpdir(), true);
}

const elsewhere = () => Promise.resolve({ isLocal: false, securityOptions: [] });
const remapped = () => Promise.resolve({ isLocal: true, securityOptions: ['name=seccomp', 'name=userns'] });

describe('the disks of workspaces', () => {
  it.each([
    ['is on another host', elsewhere],
    ['gives containers users of their own', remapped],
  ])('are in memory where the engine %s', async (_how, facts) => {
    const disk = await disks('auto', facts).make(MIB);
    expect(disk.mount).toEqual({ kind: 'tmpfs' });
    await disk.mounted();
    await disk.discard();
  });

  it('are not made at all where loop devices are demanded and cannot be used', async () => {
    await expect(disks('loop-ext4', elsewhere).make(MIB)).rejects.toThrow('the engine is on another host');
    await expect(disks('loop-ext4', remapped).make(MIB)).rejects.toThrow('userns-remap');
  });

  it('are in memory where that is asked for, whatever the host can', async () => {
    const unasked = (): Promise<Facts> => Promise.reject(new Error('the engine need not be asked'));
    expect((await disks('tmpfs', unasked).make(MIB)).mount).toEqual({ kind: 'tmpfs' });
  });

  it('are not decided on while the engine does not answer: the next try asks again', async () => {
    let tries = 0;
    const made = disks('auto', () => {
      if (++tries === 1) return Promise.reject(new RuntimeError('engine_unavailable', 'It is away.'));
      return elsewhere();
    });
    await expect(made.make(MIB)).rejects.toMatchObject({ kind: 'engine_unavailable' });
    expect((await made.make(MIB)).mount).toEqual({ kind: 'tmpfs' });
    expect(tries).toBe(2);
  });
});
