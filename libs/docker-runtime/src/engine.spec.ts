import { afterEach, describe, expect, it, vi } from 'vitest';

import { RuntimeError } from '#libs/runtime';

import { Engine, statusOf } from './engine.js';

const TIMEOUT_MS = 1_000;

function engine(dockerHost = 'unix:///run/test.sock'): Engine {
  return new Engine(dockerHost, TIMEOUT_MS);
}

const failure = (fields: object, message = 'failed') => Object.assign(new Error(message), fields);

/** An engine whose container `id` answers as told. */
function withContainer(methods: object): Engine {
  const tested = engine();
  vi.spyOn(tested.docker, 'getContainer').mockReturnValue(methods as never);
  return tested;
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a volume', () => {
  const withVolume = (remove: () => Promise<unknown>): Engine => {
    const tested = engine();
    vi.spyOn(tested.docker, 'getVolume').mockReturnValue({ remove } as never);
    return tested;
  };

  it.each([404, 409])('that is gone or in use (%d) need not be removed', async (statusCode) => {
    await expect(withVolume(() => Promise.reject(failure({ statusCode }))).removeVolume('v')).resolves.toBeUndefined();
  });

  it('that cannot be removed is told of', async () => {
    await expect(
      withVolume(() => Promise.reject(failure({ statusCode: 500 }))).removeVolume('v'),
    ).rejects.toMatchObject({ statusCode: 500 });
  });

  it('is unused where the engine says so, which may say nothing at all', async () => {
    const tested = engine();
    const list = vi.spyOn(tested.docker, 'listVolumes') as unknown as ReturnType<typeof vi.fn>;
    list.mockResolvedValueOnce({ Volumes: [{ Name: 'a' }, { Name: 'b' }] }).mockResolvedValueOnce({ Volumes: null });

    expect(await tested.unusedVolumes('codebeaker=x')).toEqual(['a', 'b']);
    expect(list.mock.calls[0]?.[0]).toMatchObject({ filters: { label: ['codebeaker=x'], dangling: ['true'] } });
    expect(await tested.unusedVolumes('codebeaker=x')).toEqual([]);
  });
});

describe('an engine that does not answer', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EACCES', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'])(
    'is unavailable after %s',
    async (code) => {
      const tested = engine();
      const cause = failure({ code });
      vi.spyOn(tested.docker, 'version').mockRejectedValue(cause);

      const error = await tested.version().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RuntimeError);
      expect(error).toMatchObject({ kind: 'engine_unavailable', cause });
    },
  );

  it('is unavailable when it hangs up in the middle', async () => {
    const tested = engine();
    vi.spyOn(tested.docker, 'version').mockRejectedValue(new Error('socket hang up'));

    await expect(tested.version()).rejects.toMatchObject({ kind: 'engine_unavailable' });
  });

  it('does not tell clients where its socket lies', async () => {
    const tested = engine();
    vi.spyOn(tested.docker, 'version').mockRejectedValue(failure({ code: 'ENOENT' }, 'connect ENOENT /run/test.sock'));

    const error = await tested.version().catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ message: expect.not.stringContaining('/run') as string });
  });

  it('is unavailable when a call takes longer than its limit, and the call is told', async () => {
    vi.useFakeTimers();
    let signal: AbortSignal | undefined;
    const tested = withContainer({
      inspect: (options: { abortSignal: AbortSignal }) => {
        signal = options.abortSignal;
        return new Promise(() => undefined);
      },
    });
    const heard = expect(tested.inspect('c1')).rejects.toMatchObject({
      kind: 'engine_unavailable',
      message: expect.stringContaining('1000 ms') as string,
    });
    await vi.advanceTimersByTimeAsync(TIMEOUT_MS);

    await heard;
    expect(signal?.aborted).toBe(true);
  });

  it('leaves no timer behind when it does answer', async () => {
    vi.useFakeTimers();
    const tested = engine();
    vi.spyOn(tested.docker, 'version').mockResolvedValue({ Version: '28', ApiVersion: '1.48' } as never);

    expect(await tested.version()).toEqual({ engine: 'docker', version: '28', apiVersion: '1.48' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('an engine that refuses', () => {
  it.each([
    ['a status', failure({ statusCode: 500 })],
    ['a status with a code', failure({ statusCode: 400, code: 'ECONNRESET' })],
    ['a failure of our own', new TypeError('a bug')],
  ])('is not taken for one that is away: %s', async (_what, refusal) => {
    const tested = engine();
    vi.spyOn(tested.docker, 'version').mockRejectedValue(refusal);

    await expect(tested.version()).rejects.toBe(refusal);
  });

  it.each([
    [failure({ statusCode: 404 }), 404],
    [failure({ statusCode: '404' }), undefined],
    [new Error('none'), undefined],
    ['text', undefined],
    [null, undefined],
  ])('tells its status (%#)', (error, status) => {
    expect(statusOf(error)).toBe(status);
  });
});

describe('images', () => {
  it('are told as missing, not as an error', async () => {
    const tested = engine();
    vi.spyOn(tested.docker, 'getImage').mockReturnValue({
      inspect: () => Promise.reject(failure({ statusCode: 404 })),
    } as never);

    await expect(tested.image('none')).resolves.toBeUndefined();
  });

  it('are not told as missing when the engine has another trouble', async () => {
    const tested = engine();
    vi.spyOn(tested.docker, 'getImage').mockReturnValue({
      inspect: () => Promise.reject(failure({ statusCode: 500 })),
    } as never);

    await expect(tested.image('some')).rejects.toMatchObject({ statusCode: 500 });
  });
});

describe('removing a container', () => {
  it('takes its anonymous volumes too, whether it runs or not', async () => {
    const remove = vi.fn(() => Promise.resolve());
    await withContainer({ remove }).remove('c1');

    expect(remove).toHaveBeenCalledWith(expect.objectContaining({ force: true, v: true }));
  });

  it('is done when there is none', async () => {
    const remove = () => Promise.reject(failure({ statusCode: 404 }));

    await expect(withContainer({ remove }).remove('c1')).resolves.toBeUndefined();
  });

  it('waits for the removal of somebody else', async () => {
    let finish!: () => void;
    const wait = vi.fn((_options: object) => new Promise<void>((resolve) => (finish = resolve)));
    const remove = () => Promise.reject(failure({ statusCode: 409 }));
    let isDone = false;
    const removing = withContainer({ remove, wait })
      .remove('c1')
      .then(() => (isDone = true));
    await vi.waitFor(() => expect(wait).toHaveBeenCalledWith(expect.objectContaining({ condition: 'removed' })));
    expect(isDone).toBe(false);

    finish();
    await removing;
  });

  it('is done when it was removed before it could be waited for', async () => {
    const remove = () => Promise.reject(failure({ statusCode: 409 }));
    const wait = () => Promise.reject(failure({ statusCode: 404 }));

    await expect(withContainer({ remove, wait }).remove('c1')).resolves.toBeUndefined();
  });

  it('rejects when the engine cannot', async () => {
    const remove = () => Promise.reject(failure({ statusCode: 500 }));

    await expect(withContainer({ remove }).remove('c1')).rejects.toMatchObject({ statusCode: 500 });
  });
});

describe('the address of the engine', () => {
  it.each([
    ['unix:///var/run/docker.sock', { socketPath: '/var/run/docker.sock' }],
    ['tcp://engine:1234', { host: 'engine', port: '1234', protocol: 'http' }],
    ['tcp://engine', { host: 'engine', port: 2375, protocol: 'http' }],
    ['http://10.0.0.1:2375', { host: '10.0.0.1', port: '2375', protocol: 'http' }],
    ['https://engine', { host: 'engine', port: 2376, protocol: 'https' }],
  ])('%s', (address, options) => {
    expect(engine(address).docker.modem).toMatchObject(options);
  });
});
