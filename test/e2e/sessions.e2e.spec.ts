import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { HOLD, release } from '../support/held.js';
import { imageOf } from '../support/images.js';
import { docker } from '../support/leftovers.js';
import type { RpcFailure } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const NEVER = '0 0 0 1 1 *';

const DEFAULTS = {
  idleTimeoutMinutes: 30,
  maxLifetimeMinutes: 120,
  memoryLimitMB: 512,
  cpuLimit: 1,
  pidsLimit: 256,
  diskLimitMB: 1024,
  network: 'none',
};

describe('a session', () => {
  const server = useServer({
    ALLOWED_IMAGES: `${imageOf('python')},${imageOf('nowhere')}`,
    MAX_LIFETIME_MINUTES: '240',
    CLEAN_UP_CRON: NEVER,
  });
  const get = ({ id }: TestSession): Promise<any> => server.client.call('session.get', { sessionId: id });
  const listed = async (params: object): Promise<string[]> =>
    (await server.client.call('session.list', params)).sessions.map(({ sessionId }: any) => sessionId);

  describe('when it is made', () => {
    it('has the documented defaults, and says them', async () => {
      const before = Date.now();
      const { created } = await server.session();
      expect(created).toMatchObject({ language: 'python', state: 'Active', config: DEFAULTS });
      expect(created.sessionId).toMatch(/^\S{8,}$/);
      expect(created.containerId).toMatch(/^[0-9a-f]{64}$/);
      expect(created.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
      expect(Date.parse(created.createdAt)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(created.createdAt)).toBeLessThanOrEqual(Date.now());
      expect(created.config).not.toHaveProperty('dockerImage');
    });

    it('has every setting that it was given, in every view of it', async () => {
      const config = {
        idleTimeoutMinutes: 7.5,
        maxLifetimeMinutes: 45,
        memoryLimitMB: 256,
        cpuLimit: 0.5,
        cpuShares: 512,
        pidsLimit: 64,
        diskLimitMB: 48,
        network: 'none',
        dockerImage: imageOf('python'),
      };
      const about = { name: 'mine ✓', labels: { team: 'blue', 'run/id': '7' } };
      const session = await server.session({ language: 'py', env: { GREETING: 'hi' }, ...config, ...about });
      const { sessions } = await server.client.call('session.list', { labels: about.labels });
      for (const view of [session.created, await get(session), sessions[0]]) {
        expect(view).toMatchObject({ sessionId: session.id, language: 'py', config, ...about });
      }
      expect(sessions).toHaveLength(1);
    });

    it('runs as its container in the engine is told to', async () => {
      const limits = {
        memoryLimitMB: 100,
        cpuLimit: 0.5,
        cpuShares: 256,
        pidsLimit: 40,
        diskLimitMB: 32,
        tmpLimitMB: 8,
      };
      const session = await server.session(limits);
      const { HostConfig, Config, Mounts, State } = await docker().getContainer(session.containerId).inspect();
      const onTop = HostConfig.Memory! - limits.memoryLimitMB * MIB;
      const disk = session.created.config.diskLimitKind === 'tmpfs' ? limits.diskLimitMB : 0;
      const files = (disk + limits.tmpLimitMB) * MIB;
      expect(onTop).toBeGreaterThanOrEqual(files);
      expect(onTop).toBeLessThanOrEqual(files + 64 * MIB);
      expect(HostConfig.MemorySwap).toBe(HostConfig.Memory);
      expect(HostConfig.PidsLimit).toBeGreaterThanOrEqual(limits.pidsLimit);
      expect(HostConfig.PidsLimit).toBeLessThanOrEqual(limits.pidsLimit + 64);
      expect(HostConfig).toMatchObject({
        NanoCpus: 0.5e9,
        CpuShares: 256,
        ReadonlyRootfs: true,
        Privileged: false,
        CapDrop: ['ALL'],
        NetworkMode: 'none',
        PidMode: '',
        UTSMode: '',
        LogConfig: { Type: 'none' },
      });
      expect(['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL', 'SETUID', 'SETGID', 'KILL']).toEqual(
        expect.arrayContaining(HostConfig.CapAdd),
      );
      expect(HostConfig.SecurityOpt).toContain('no-new-privileges');
      const profile = HostConfig.SecurityOpt!.find((option: string) => option.startsWith('seccomp='))!;
      expect(JSON.parse(profile.slice('seccomp='.length))).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO' });
      expect(HostConfig.Binds ?? []).toEqual([]);
      expect(HostConfig.Devices ?? []).toEqual([]);
      expect(Mounts.filter(({ Type }) => (Type as string) === 'bind')).toEqual([]);
      expect(Mounts.filter(({ Destination, RW }) => Destination !== '/workspace' && RW)).toEqual([]);
      expect(Config.Env.filter((line: string) => line.startsWith('DOCKER'))).toEqual([]);
      expect(State.Running).toBe(true);
    });

    it('holds its files to the size of disk that it was given', async () => {
      const session = await server.session({ diskLimitMB: 32 });
      const { stdout } = await session.ok('execute_shell', {
        commandName: 'sh',
        args: ['-c', 'head -c 64000000 /dev/zero > big; stat -c %s big'],
      });
      expect(Number(stdout)).toBeGreaterThan(0);
      expect(Number(stdout)).toBeLessThanOrEqual(32 * MIB);
      await session.ok('delete_file', { path: 'big' });
      await session.ok('write_file', { path: 'small', content: 'there is room again' });
    });

    it('gives its environment to every command, which may have more and other values', async () => {
      const session = await server.session({ env: { ONE: 'session', TWO: 'session', EMPTY: '' } });
      const env = { TWO: 'command', THREE: 'command' };
      const print = 'echo "$ONE $TWO $THREE ${EMPTY-unset}"';
      expect(await session.ok('execute_shell', { commandName: 'sh', args: ['-c', print], env })).toMatchObject({
        stdout: 'session command command \n',
      });
      expect(await session.sh(print)).toBe('session session  \n');
      const code = 'import os; print(os.environ["ONE"])';
      expect(await session.ok('execute_code', { code })).toMatchObject({ stdout: 'session\n' });
      const other = await server.session();
      expect(await other.sh('echo "${ONE-unset}"')).toBe('unset\n');
    });

    it('keeps labels and variables of any name, those that every object has included', async () => {
      const odd = { toString: 'a', valueOf: 'b', hasOwnProperty: 'c', length: 'd', '': undefined };
      const session = await server.session({ labels: odd, env: odd });
      expect(session.created.labels).toEqual({ toString: 'a', valueOf: 'b', hasOwnProperty: 'c', length: 'd' });
      expect(await session.sh('env | grep -E "^(toString|valueOf|hasOwnProperty|length)=" | sort')).toBe(
        'hasOwnProperty=c\nlength=d\ntoString=a\nvalueOf=b\n',
      );
      expect(await listed({ labels: { toString: 'a' } })).toEqual([session.id]);
      expect(await listed({ labels: { toString: 'other' } })).toEqual([]);
    });

    it('is refused an image that the server does not allow', async () => {
      for (const dockerImage of [imageOf('nodejs'), 'debian', 'codebeaker-python', `${imageOf('python')} `]) {
        expect(await server.client.refusal('session.create', { language: 'python', dockerImage })).toMatchObject({
          code: -32004,
          data: { reason: 'forbidden' },
        });
      }
    });

    it('works in an image that the server allows', async () => {
      const session = await server.session({ dockerImage: imageOf('python') });
      expect(session.created.config).toMatchObject({ dockerImage: imageOf('python') });
      expect(await session.python('print(6 * 7)')).toBe('42\n');
    });

    it('is told which allowed image is not there, and how it would be', async () => {
      const refusal = await server.client.refusal('session.create', {
        language: 'python',
        dockerImage: imageOf('nowhere'),
      });
      expect(refusal).toMatchObject({
        code: -32009,
        data: { reason: 'image_unavailable', image: imageOf('nowhere') },
      });
      expect(refusal.message).toContain(imageOf('nowhere'));
      expect(refusal.message + JSON.stringify(refusal.data)).toMatch(/npm run|images\.sh|docker (build|pull)/);
    });

    it('is refused a language that is not there, with those that are', async () => {
      const refusal = await server.client.refusal('session.create', { language: 'cobol' });
      expect(refusal).toMatchObject({
        code: -32007,
        data: { reason: 'unsupported_language', supported: ['python', 'python-data', 'nodejs', 'go', 'dotnet'] },
      });
      expect(refusal.message).toContain('cobol');
    });

    it('is removed again when its request is cancelled', async () => {
      const label = { labels: { cancelled: 'yes' } };
      const creating = server.client.send('session.create', { language: 'python', ...label });
      server.client.notify('$/cancelRequest', { id: creating.id });
      await expect(creating.result).rejects.toMatchObject({ code: -32800, data: { reason: 'request_cancelled' } });
      expect(await listed(label)).toEqual([]);
    });
  });

  describe('while it lives', () => {
    it('is Active while a command runs and Idle otherwise, and counts its commands', async () => {
      const session = await server.session({ labels: { test: 'state' } });
      const labels = session.created.labels;
      const before = await get(session);
      expect(before).toMatchObject({ executionCount: 0, state: 'Idle' });
      const running = session.stream('execute_shell', HOLD);
      await written(server.client, running.id, 'up');
      const during = await get(session);
      expect(during).toMatchObject({ state: 'Active', executionCount: 1, idleMinutes: 0 });
      expect(await listed({ labels, state: 'Active' })).toEqual([session.id]);
      expect(await listed({ labels, state: 'Idle' })).toEqual([]);
      await release(session);
      expect(await running.result).toMatchObject({ success: true, result: { stdout: 'up\ndone\n' } });
      const after = await get(session);
      expect(after).toMatchObject({ state: 'Idle', executionCount: 2 });
      expect(await listed({ labels, state: 'Idle' })).toEqual([session.id]);
      expect(await listed({ labels, state: 'Active' })).toEqual([]);
      expect(Date.parse(after.lastActivity)).toBeGreaterThan(Date.parse(before.lastActivity));
      expect(after.lifetimeMinutes).toBeGreaterThanOrEqual(before.lifetimeMinutes);
      expect(after.lifetimeMinutes).toBeGreaterThanOrEqual(after.idleMinutes);
    });

    it('is not kept alive by being looked at', async () => {
      const session = await server.session();
      await session.sh('true');
      const { lastActivity, executionCount } = await get(session);
      await listed({});
      expect(await get(session)).toMatchObject({ lastActivity, executionCount });
    });

    it('is found by the name of its language and by every alias, whichever it was made with', async () => {
      const labels = { test: 'language' };
      const [one, two] = await Promise.all([
        server.session({ language: 'python3', labels }),
        server.session({ language: 'js', labels }),
      ]);
      for (const language of ['python', 'py', 'python3']) expect(await listed({ language, labels })).toEqual([one.id]);
      for (const language of ['nodejs', 'typescript']) expect(await listed({ language, labels })).toEqual([two.id]);
      expect(await listed({ language: 'go', labels })).toEqual([]);
      expect(await listed({ language: 'cobol', labels })).toEqual([]);
      expect(one.created.language).toBe('python3');
      expect(two.created.language).toBe('js');
    });

    it('is found by its labels, all of those asked for', async () => {
      const [one, two] = await Promise.all([
        server.session({ labels: { suite: 'labels', kind: 'a' } }),
        server.session({ labels: { suite: 'labels', kind: 'b' } }),
      ]);
      expect(new Set(await listed({ labels: { suite: 'labels' } }))).toEqual(new Set([one.id, two.id]));
      expect(await listed({ labels: { suite: 'labels', kind: 'b' } })).toEqual([two.id]);
      expect(await listed({ labels: { suite: 'labels', kind: 'c' } })).toEqual([]);
    });

    it('is listed page by page, the oldest first, though another ends in between', async () => {
      const labels = { test: 'pages' };
      const made: TestSession[] = [];
      for (let n = 0; n < 3; n++) made.push(await server.session({ labels }));
      const [first, second, third] = made.map(({ id }) => id);
      const page = (cursor?: string): Promise<any> =>
        server.client.call('session.list', { labels, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
      const one = await page();
      expect(one).toMatchObject({ count: 3, sessions: [{ sessionId: first }], nextCursor: expect.any(String) });
      await made[0]!.close();
      const two = await page(one.nextCursor);
      expect(two).toMatchObject({ count: 2, sessions: [{ sessionId: second }], nextCursor: expect.any(String) });
      const three = await page(two.nextCursor);
      expect(three).toMatchObject({ count: 2, sessions: [{ sessionId: third }], nextCursor: null });
      expect(await server.client.call('session.list', { labels })).toMatchObject({ count: 2, nextCursor: null });
    });
  });

  describe('when it is extended', () => {
    it('changes in what was asked for and in nothing else', async () => {
      const session = await server.session({ idleTimeoutMinutes: 10, name: 'extended' });
      const before = await get(session);
      const idle = await server.client.call('session.extend', { sessionId: session.id, idleTimeoutMinutes: 20 });
      expect(idle).toMatchObject({ sessionId: session.id, name: 'extended' });
      expect(idle.config).toEqual({ ...before.config, idleTimeoutMinutes: 20 });
      expect(Date.parse(idle.lastActivity)).toBeGreaterThan(Date.parse(before.lastActivity));
      const life = await server.client.call('session.extend', { sessionId: session.id, maxLifetimeMinutes: 240 });
      expect(life.config).toEqual({ ...idle.config, maxLifetimeMinutes: 240 });
      expect((await get(session)).config).toEqual(life.config);
    });

    it('is refused more than the server gives', async () => {
      const session = await server.session();
      expect(
        await server.client.refusal('session.extend', { sessionId: session.id, maxLifetimeMinutes: 240.5 }),
      ).toMatchObject({
        code: -32006,
        data: { reason: 'quota_exceeded', quota: 'maxLifetimeMinutes', limit: 240 },
      });
      expect((await get(session)).config).toEqual(session.created.config);
    });
  });

  describe('when it is closed', () => {
    it('has neither container nor volume nor disk left when the reply comes', async () => {
      const session = await server.session();
      const container = docker().getContainer(session.containerId);
      const { Mounts } = await container.inspect();
      const workspace = Mounts.find(({ Destination }) => Destination === '/workspace');
      await session.ok('write_file', { path: 'a', content: 'b' });
      expect(await session.close()).toEqual({ sessionId: session.id, closed: true });
      await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
      if (workspace?.Name !== undefined) {
        await expect(docker().getVolume(workspace.Name).inspect()).rejects.toMatchObject({ statusCode: 404 });
      }
      expect(await listed({})).not.toContain(session.id);
    });

    it('answers every later request with its end', async () => {
      const session = await server.session();
      await session.close();
      const ended = { code: -32002, data: { reason: 'session_ended', endReason: 'closed' } };
      for (const method of ['session.close', 'session.get', 'session.extend']) {
        expect(await server.client.refusal(method, { sessionId: session.id })).toMatchObject(ended);
      }
      const command = { type: 'execute_shell', commandName: 'true' };
      expect(await server.client.refusal('session.execute', { sessionId: session.id, command })).toMatchObject(ended);
    });

    it('ends the commands that run in it, and says so to those who wait for them', async () => {
      const session = await server.session();
      const running = session.stream('execute_shell', HOLD);
      await written(server.client, running.id, 'up');
      const waiting = session.run('sleep', ['3600']).then(
        (reply) => reply,
        (refusal: RpcFailure) => refusal,
      );
      await eventually(
        () => get(session),
        ({ executionCount }) => executionCount === 2,
        'both commands run',
      );
      await session.close();
      expect(await running.result).toMatchObject({
        success: false,
        errorCode: 'killed',
        error: expect.any(String),
        result: { endReason: 'killed', stdout: 'up\n', exitCode: null },
      });
      // It may not even have begun.
      const other = await waiting;
      if (other.code === undefined) expect(other).toMatchObject({ success: false, errorCode: 'killed' });
      else expect(other).toMatchObject({ code: -32002, data: { endReason: 'closed' } });
    });

    it('is closed once by two who close it at the same time', async () => {
      const session = await server.session();
      const outcomes = await Promise.allSettled([session.close(), session.close()]);
      expect(outcomes.map(({ status }) => status)).toContain('fulfilled');
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: -32002 });
      }
      await expect(docker().getContainer(session.containerId).inspect()).rejects.toMatchObject({ statusCode: 404 });
    });
  });

  it('that never was is answered in the same words by every method', async () => {
    const command = { type: 'execute_shell', commandName: 'true' };
    const refusals = await Promise.all(
      ['s_AAAAAAAAAAAAAAAA', 'x', '__proto__', 'constructor'].flatMap((sessionId) => [
        server.client.refusal('session.get', { sessionId }),
        server.client.refusal('session.close', { sessionId }),
        server.client.refusal('session.extend', { sessionId, idleTimeoutMinutes: 1 }),
        server.client.refusal('session.execute', { sessionId, command }),
      ]),
    );
    const [{ code, message, data }] = refusals as [RpcFailure];
    expect({ code, data }).toEqual({ code: -32001, data: { reason: 'session_not_found' } });
    for (const refusal of refusals) {
      expect({ code: refusal.code, message: refusal.message, data: refusal.data }).toEqual({ code, message, data });
    }
  });

  it('is not mixed up with any other of twelve that are made and used at once', async () => {
    const labels = { test: 'twelve' };
    const languages = ['python', 'nodejs', 'python', 'js'];
    const print: Record<string, (n: number) => string> = {
      python: (n) =>
        `import os\nopen('own', 'a').write('${n}')\nprint(os.environ['N'], ${n} * ${n}, open('own').read())`,
      nodejs: (n) =>
        `const fs = require('fs'); fs.appendFileSync('own', '${n}'); console.log(process.env.N, ${n} * ${n}, fs.readFileSync('own', 'utf8'))`,
    };
    const sessions = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        server.session({ language: languages[n % 4], labels, env: { N: `n${n}` }, memoryLimitMB: 128 }),
      ),
    );
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(12);
    expect(new Set(sessions.map(({ containerId }) => containerId)).size).toBe(12);
    expect((await server.client.call('session.list', { labels })).count).toBe(12);
    const outputs = await Promise.all(
      sessions.map(async (session, n) => {
        const write = print[n % 2 === 0 ? 'python' : 'nodejs']!;
        return (await session.ok('execute_code', { code: write(n) })).stdout;
      }),
    );
    expect(outputs).toEqual(sessions.map((_, n) => `n${n} ${n * n} ${n}\n`));
    const files = await Promise.all(
      sessions.map((session) => session.ok('list_directory', { path: '/workspace', includeHidden: true })),
    );
    for (const { entries } of files) expect(entries.map(({ name }: any) => name)).toEqual(['own']);
    await Promise.all(sessions.map((session) => session.close()));
    expect((await server.client.call('session.list', { labels })).count).toBe(0);
  });

  it('sees nothing of what another has in any directory that it can write to', async () => {
    const [one, other] = await Promise.all([server.session(), server.session()]);
    const places = ['/workspace', '/tmp', '/dev/shm'];
    for (const place of places) await one.sh('echo secret > "$1/secret"', place);
    for (const place of places) {
      expect(await one.sh('cat "$1/secret"', place)).toBe('secret\n');
      const { entries } = await other.ok('list_directory', { path: place, includeHidden: true });
      expect(entries).toEqual([]);
    }
  });
});
