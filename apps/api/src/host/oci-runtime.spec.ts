import { describe, expect, it, vi } from 'vitest';

import { ConfigError } from '../config/config.js';
import { FakeRuntime } from '../../../../libs/runtime/src/testing/fake-runtime.js';
import { requireOciRuntime } from './oci-runtime.js';

async function ask(name: string, runtimes: readonly string[]): Promise<void> {
  const runtime = new FakeRuntime();
  const facts = await runtime.facts();
  vi.spyOn(runtime, 'facts').mockResolvedValue({ ...facts, runtimes });
  await requireOciRuntime(runtime, name, () => undefined);
}

describe('a runtime of the sandboxes', () => {
  it.each([
    ['that the engine has', 'crun', ['crun', 'runc']],
    ['that is a shim of containerd', 'io.containerd.kata.v2', ['runc']],
    ['of an engine that does not say what it has', 'crun', []],
  ])('%s is taken', async (_what, name, runtimes) => {
    await expect(ask(name, runtimes)).resolves.toBeUndefined();
  });

  it.each(['nope', '/usr/bin/runc.v2', '.x'])('%s is refused with those that there are', async (name) => {
    const refused = ask(name, ['crun', 'runc']);

    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(`OCI_RUNTIME=${name}: must be a runtime that the engine has: crun, runc`);
  });
});
