import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Sandbox, SandboxSpec } from './sandbox.js';
import type { SandboxRuntime } from './sandbox-runtime.js';

const MIB = 1_048_576;

/** What the contract needs to know about a runtime. */
interface RuntimeUnderTest {
  /** Makes an instance that is ready for use. Every call gives another one, as after a restart: all see the same sandboxes. */
  make(): SandboxRuntime | Promise<SandboxRuntime>;
  /** An image that is there. */
  readonly image: string;
}

/** What every {@link SandboxRuntime} must do. The caller's own hooks dispose of what `make` needs. */
export function describeRuntime(name: string, factory: () => RuntimeUnderTest | Promise<RuntimeUnderTest>): void {
  describe(`${name} as a SandboxRuntime`, () => {
    let under: RuntimeUnderTest;
    let runtime: SandboxRuntime;
    let runtimes: SandboxRuntime[];
    let sandboxes: Sandbox[];

    const make = async (): Promise<SandboxRuntime> => {
      const made = await under.make();
      runtimes.push(made);
      return made;
    };
    const create = async (changes: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
      const sandbox = await runtime.create({ ...specOf(under.image), ...changes });
      sandboxes.push(sandbox);
      return sandbox;
    };
    const recordOf = async (id: string) => (await runtime.list()).find((record) => record.id === id);

    beforeEach(async () => {
      runtimes = [];
      sandboxes = [];
      under = await factory();
      runtime = await make();
    });

    afterEach(async () => {
      await Promise.allSettled(sandboxes.map((sandbox) => sandbox.destroy()));
      await Promise.all(runtimes.map((each) => each.close()));
    });

    it('makes a sandbox whose agent answers', async () => {
      const sandbox = await create();

      await expect(sandbox.agent.ping()).resolves.toBeUndefined();
      expect(sandbox.gone.aborted).toBe(false);
    });

    it('knows the environment of the image and how the disk is limited', async () => {
      const sandbox = await create();

      expect(sandbox.baseEnv).toHaveProperty('PATH');
      expect(['loop-ext4', 'tmpfs']).toContain(sandbox.diskLimitKind);
      expect(sandbox.tmpLimitKind).toBe('tmpfs');
    });

    it('gives sandboxes that know nothing of each other', async () => {
      const [one, other] = await Promise.all([create(), create()]);
      await one.agent.claim(Buffer.from('mine'));

      expect(one.id).not.toBe(other.id);
      expect((await other.agent.info()).claim).toHaveLength(0);
    });

    it('has no claim at first, and gives back the newest one byte by byte', async () => {
      const sandbox = await create();
      const claim = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

      expect((await sandbox.agent.info()).claim).toHaveLength(0);
      await sandbox.agent.claim(Buffer.from('an older one'));
      await sandbox.agent.claim(claim);

      expect((await sandbox.agent.info()).claim.equals(claim)).toBe(true);
    });

    it('lists a sandbox with the labels that it was made with', async () => {
      const before = Date.now();
      const sandbox = await create({ labels: { language: 'python', odd: 'a=b, c' } });

      const record = await recordOf(sandbox.id);
      expect(record).toMatchObject({ running: true, labels: { language: 'python', odd: 'a=b, c' } });
      // Engines tell whole seconds, and may have a clock of their own.
      expect(Math.abs((record?.createdAt.getTime() ?? 0) - before)).toBeLessThan(60_000);
    });

    it('adopts the sandbox of an earlier instance with its claim and its labels', async () => {
      const sandbox = await create();
      await sandbox.agent.claim(Buffer.from('kept'));
      await runtime.close();
      runtime = await make();

      const record = await recordOf(sandbox.id);
      if (!record) throw new Error('the sandbox is not listed');
      const adopted = await runtime.adopt(record);
      sandboxes.push(adopted);

      expect(adopted.id).toBe(sandbox.id);
      expect(adopted.labels).toMatchObject(record.labels);
      expect((await adopted.agent.info()).claim.toString()).toBe('kept');
      await expect(adopted.ready()).resolves.toBe(true);
    });

    it('leaves sandboxes running when it is closed', async () => {
      const sandbox = await create();
      await runtime.close();
      runtime = await make();

      expect(await recordOf(sandbox.id)).toMatchObject({ running: true });
      await runtime.remove(sandbox.id);
    });

    it('lists a sandbox no more once it is destroyed', async () => {
      const sandbox = await create();
      await sandbox.destroy();

      expect(await recordOf(sandbox.id)).toBeUndefined();
    });

    it('destroys a sandbox as often as it is asked to', async () => {
      const sandbox = await create();

      await Promise.all([sandbox.destroy(), sandbox.destroy()]);
      await expect(sandbox.destroy()).resolves.toBeUndefined();
    });

    it('says of a destroyed sandbox that it is gone, and of no other', async () => {
      const [one, other] = await Promise.all([create(), create()]);
      await one.destroy();

      expect(one.gone.aborted).toBe(true);
      expect(one.gone.reason).toBe('destroyed');
      expect(other.gone.aborted).toBe(false);
    });

    it('is ready while the sandbox lives and not when it is destroyed', async () => {
      const sandbox = await create();

      await expect(sandbox.ready()).resolves.toBe(true);
      await sandbox.destroy();
      await expect(sandbox.ready()).resolves.toBe(false);
    });

    it('refuses the agent of a destroyed sandbox instead of waiting for it', async () => {
      const sandbox = await create();
      await sandbox.destroy();

      await expect(sandbox.agent.ping()).rejects.toMatchObject({ name: 'ChannelLostError' });
    });

    it('says that a sandbox is lost when somebody else removes it', async () => {
      const sandbox = await create();
      const gone = new Promise((resolve) => {
        sandbox.gone.addEventListener('abort', () => resolve(sandbox.gone.reason), { once: true });
      });
      await runtime.remove(sandbox.id);

      expect(await gone).toBe('container_lost');
      await expect(sandbox.ready()).resolves.toBe(false);
    });

    it('takes other limits of memory, CPU and processes while it runs', async () => {
      const sandbox = await create();
      await sandbox.agent.claim(Buffer.from('kept'));

      const { limits } = specOf(under.image);
      await sandbox.setLimits({ ...limits, memoryBytes: 96 * MIB, cpus: 0.25, cpuShares: 512, pids: 32 });
      await sandbox.setLimits({ ...limits, memoryBytes: 512 * MIB, cpus: 1, pids: 128 });

      expect((await sandbox.agent.info()).claim.toString()).toBe('kept');
    });

    it('rejects an image that is not there and leaves nothing behind', async () => {
      const image = 'codebeaker-no-such-image:none';

      await expect(create({ image, labels: { language: 'refused' } })).rejects.toMatchObject({
        name: 'RuntimeError',
        kind: 'image_unavailable',
        data: { image },
      });
      expect((await runtime.list()).filter(({ labels }) => labels['language'] === 'refused')).toEqual([]);
    });

    it('tells which images are there', async () => {
      expect(await runtime.imageStatus(under.image)).toMatchObject({ image: under.image, available: true });
      expect(await runtime.imageStatus('codebeaker-no-such-image:none')).toEqual({
        image: 'codebeaker-no-such-image:none',
        available: false,
      });
    });

    it('removes a sandbox that nobody holds, and does not mind one that is not there', async () => {
      const sandbox = await create();
      await runtime.remove(sandbox.id);

      expect(await recordOf(sandbox.id)).toBeUndefined();
      await expect(runtime.remove(sandbox.id)).resolves.toBeUndefined();
      await expect(runtime.remove('f'.repeat(64))).resolves.toBeUndefined();
    });

    it('tidies up without harm to a sandbox that there is', async () => {
      const sandbox = await create();
      await runtime.tidy();

      await expect(sandbox.agent.ping()).resolves.toBeUndefined();
      expect(await recordOf(sandbox.id)).toMatchObject({ running: true });
    });

    it('answers a ping with its engine', async () => {
      const { engine, version } = await runtime.ping();

      expect(engine).not.toBe('');
      expect(version).not.toBe('');
    });
  });
}

function specOf(image: string): SandboxSpec {
  return {
    image,
    limits: {
      memoryBytes: 128 * MIB,
      cpus: 0.5,
      pids: 64,
      diskBytes: 64 * MIB,
      tmpBytes: 16 * MIB,
      openFiles: 256,
      network: 'none',
    },
    labels: { language: 'python' },
  };
}
