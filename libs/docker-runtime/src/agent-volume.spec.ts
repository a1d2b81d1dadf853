import { beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentVolume } from './agent-volume.js';
import type { Engine } from './engine.js';

const IMAGE = 'codebeaker-agent:latest';

describe('AgentVolume', () => {
  const image = vi.fn();
  const create = vi.fn();
  const remove = vi.fn();
  const copy = vi.fn();
  let volume: AgentVolume;

  beforeEach(() => {
    for (const mock of [image, create, remove, copy]) mock.mockReset();
    image.mockResolvedValue({ Id: 'sha256:0123456789abcdef0123' });
    create.mockResolvedValue({ id: 'filler' });
    volume = new AgentVolume({ image, create, remove, copy } as unknown as Engine, IMAGE, 'server-1');
  });

  it('is named after the content of the image, so that a new agent gets a new volume', async () => {
    expect(await volume.name()).toBe('codebeaker-agent-0123456789ab');
  });

  it('is filled by a container that never runs, has no network and is ours to clean up', async () => {
    await volume.name();

    expect(create).toHaveBeenCalledWith({
      Image: IMAGE,
      Labels: { codebeaker: 'server-1' },
      HostConfig: {
        AutoRemove: true,
        NetworkMode: 'none',
        Mounts: [{ Type: 'volume', Source: 'codebeaker-agent-0123456789ab', Target: '/codebeaker' }],
      },
    });
    expect(remove.mock.calls).toEqual([['filler']]);
  });

  it('is filled once for everybody who asks', async () => {
    await Promise.all([volume.name(), volume.name()]);
    await volume.name();

    expect(create).toHaveBeenCalledTimes(1);
  });

  it('is looked for again after the engine was away', async () => {
    await volume.name();
    volume.forget();
    image.mockResolvedValue({ Id: 'sha256:fedcba9876543210' });

    expect(await volume.name()).toBe('codebeaker-agent-fedcba987654');
  });

  it('is written into again when what was in it did not run, once for all who found it so', async () => {
    await volume.name();
    create.mockImplementation(() => Promise.resolve({ id: `c${create.mock.calls.length}` }));
    await Promise.all([volume.refill(0), volume.refill(0)]);
    await volume.refill(0);

    expect(copy.mock.calls).toEqual([[{ from: 'c3', path: '/codebeaker/agent', to: 'c4', into: '/codebeaker' }]]);
    expect(create.mock.calls.map(([{ HostConfig }]) => HostConfig.Mounts.length)).toEqual([1, 1, 0, 1]);
    expect(remove.mock.calls).toEqual([['filler'], ['c2'], ['c3'], ['c4']]);
    expect(volume.edition).toBe(1);
  });

  it('is tried again by the next when it could not be written into', async () => {
    copy.mockRejectedValueOnce(new Error('full'));
    await expect(volume.refill(0)).rejects.toThrow('full');
    await volume.refill(0);

    expect(volume.edition).toBe(1);
    expect(remove).toHaveBeenCalledTimes(create.mock.calls.length);
  });

  it('says how to build an image that is missing, and finds it once it is there', async () => {
    image.mockResolvedValueOnce(undefined);

    await expect(volume.name()).rejects.toMatchObject({ kind: 'image_unavailable', data: { image: IMAGE } });
    await expect(volume.name()).resolves.toBe('codebeaker-agent-0123456789ab');
  });
});
