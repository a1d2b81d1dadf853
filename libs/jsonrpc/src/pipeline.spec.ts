import {
  Injectable,
  Scope,
  UseGuards,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { IsString } from 'class-validator';
import { from, tap } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  RpcCall,
  RpcContext,
  RpcError,
  rpcConnectionOf,
  RpcGateway,
  RpcMethod,
  RpcParams,
  type RpcErrorMapper,
} from './index.js';
import { start, stopAll } from './testing/support.js';

const steps: string[] = [];

class EchoParams {
  @IsString()
  text: string;
}

class TracePipe implements PipeTransform {
  transform(value: unknown) {
    steps.push('global pipe');
    return value;
  }
}

class TraceGuard implements CanActivate {
  canActivate(context: ExecutionContext) {
    steps.push('global guard');
    const { method, connection } = context.switchToWs().getData<RpcCall>();
    return method !== 'echo.forbidden' && connection.state.get('banned') !== true;
  }
}

class TraceInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    steps.push('interceptor in');
    return next.handle().pipe(tap(() => steps.push('interceptor out')));
  }
}

class ThrowingGuard implements CanActivate {
  canActivate(): boolean {
    throw new RpcError(-32003, 'Who are you?', { reason: 'unauthenticated' });
  }
}

class OwnError extends Error {}

@RpcGateway()
class EchoGateway {
  @RpcMethod('echo.say')
  async say(@RpcParams() params: EchoParams, @RpcContext() call: RpcCall) {
    steps.push('handler');
    return { text: params.text, isInstance: params instanceof EchoParams, id: call.id, method: call.method };
  }

  @RpcMethod('echo.forbidden')
  forbidden() {
    return 'never';
  }

  @UseGuards(ThrowingGuard)
  @RpcMethod('echo.unauthenticated')
  unauthenticated() {
    return 'never';
  }

  @RpcMethod('echo.fail')
  fail() {
    throw new OwnError('secret of /etc/shadow');
  }

  @RpcMethod('echo.nothing')
  nothing() {}

  @RpcMethod('echo.stream')
  stream() {
    return from([1, 2, 3]);
  }

  @RpcMethod('echo.big')
  big() {
    return { big: 1n };
  }

  @RpcMethod('echo.cycle')
  cycle() {
    const value: { self?: object } = {};
    value.self = value;
    return value;
  }

  @RpcMethod('echo.function')
  function() {
    return () => 1;
  }

  @RpcMethod('echo.badData')
  badData() {
    throw new RpcError(-32050, 'Odd', { reason: 'odd', big: 1n });
  }

  @RpcMethod('echo.ban')
  ban(@RpcContext() call: RpcCall) {
    call.connection.state.set('banned', true);
  }
}

@RpcGateway()
class OtherGateway {
  async handleConnection(client: object) {
    rpcConnectionOf(client)?.state.set('greeted', true);
    await Promise.reject(new Error('a hook that rejects'));
  }

  @RpcMethod('other.greeted')
  greeted(@RpcContext() call: RpcCall) {
    return call.connection.state.get('greeted');
  }
}

@Injectable({ scope: Scope.REQUEST })
class Counter {
  count = 0;
}

@RpcGateway()
class ScopedGateway {
  constructor(private readonly counter: Counter) {}

  @RpcMethod('scoped.count')
  count() {
    return ++this.counter.count;
  }
}

const providers = [
  EchoGateway,
  OtherGateway,
  { provide: APP_PIPE, useClass: TracePipe },
  { provide: APP_GUARD, useClass: TraceGuard },
  { provide: APP_INTERCEPTOR, useClass: TraceInterceptor },
];

const connect = async (errorMapper?: RpcErrorMapper) => (await start({ providers }, { errorMapper })).connect();

afterEach(async () => {
  steps.length = 0;
  await stopAll();
});

describe("Nest's pipeline", () => {
  it('should run guards, interceptors, pipes and the handler, in this order', async () => {
    const client = await connect();
    expect(await client.call('echo.say', { text: 'hi' })).toEqual({
      jsonrpc: '2.0',
      id: 1,
      result: { text: 'hi', isInstance: true, id: 1, method: 'echo.say' },
    });
    // Twice for the pipe: it sees both parameters.
    expect(steps).toEqual([
      'global guard',
      'interceptor in',
      'global pipe',
      'global pipe',
      'handler',
      'interceptor out',
    ]);
  });

  it('should answer what a guard refuses or throws, before params are looked at', async () => {
    const client = await connect();
    expect(await client.call('echo.forbidden', { bogus: 1 })).toMatchObject({
      error: { code: -32004, data: { reason: 'forbidden' } },
    });
    expect(await client.call('echo.unauthenticated')).toMatchObject({
      error: { code: -32003, message: 'Who are you?', data: { reason: 'unauthenticated' } },
    });
    expect(steps).not.toContain('interceptor in');
  });

  it('should send one frame for a failure: our filter is reached, and Nest’s own is not', async () => {
    const client = await connect();
    await client.call('echo.fail');
    expect(await client.call('echo.nothing')).toMatchObject({ id: 2 });
    expect(client.heard).toEqual([]);
  });

  it('should keep the state of a connection for its guards, and of no other', async () => {
    const { connect } = await start({ providers });
    const [first, second] = [await connect(), await connect()];
    await first.call('echo.ban');
    expect(await first.call('echo.nothing')).toMatchObject({ error: { code: -32004 } });
    expect(await second.call('echo.nothing')).toMatchObject({ result: null });
  });

  it('should serve several gateways from one table, and parse each frame once', async () => {
    const client = await connect();
    const parse = vi.spyOn(JSON, 'parse');
    client.send({ jsonrpc: '2.0', id: 1, method: 'other.greeted' });
    const text = await client.nextText();
    expect(parse).toHaveBeenCalledTimes(1);
    parse.mockRestore();
    expect(JSON.parse(text)).toMatchObject({ result: true });
    expect(client.heard).toEqual([]);
  });

  it('should make request-scoped providers anew for each connection or call', async () => {
    const client = await (await start({ providers: [ScopedGateway, Counter] })).connect();
    expect(await client.call('scoped.count')).toMatchObject({ result: 1 });
  });
});

describe('results', () => {
  it('should answer null for nothing, and the last value of an Observable', async () => {
    const client = await connect();
    expect(await client.call('echo.nothing')).toEqual({ jsonrpc: '2.0', id: 1, result: null });
    expect(await client.call('echo.stream')).toMatchObject({ result: 3 });
  });

  it.each(['echo.big', 'echo.cycle', 'echo.function'])('should survive the result of %s', async (method) => {
    const client = await connect();
    expect(await client.call(method)).toMatchObject({ error: { code: -32603, data: { reason: 'internal_error' } } });
    const batch = await client.ask<object[]>([
      { jsonrpc: '2.0', id: 1, method },
      { jsonrpc: '2.0', id: 2, method: 'echo.nothing' },
    ]);
    expect(batch).toMatchObject([
      { id: 1, error: { code: -32603 } },
      { id: 2, result: null },
    ]);
  });
});

describe('errors', () => {
  it('should tell the client an errorId of what it does not know, and nothing else', async () => {
    const client = await connect();
    const { error } = await client.call('echo.fail');
    expect(error).toMatchObject({ code: -32603, data: { reason: 'internal_error', errorId: expect.any(String) } });
    expect(Object.keys(error?.data ?? {}).sort()).toEqual(['errorId', 'reason']);
    expect(JSON.stringify(error)).not.toMatch(/secret|shadow|\.ts|node_modules/);
  });

  it('should reduce error data that is no JSON to its reason', async () => {
    const client = await connect();
    expect(await client.call('echo.badData')).toMatchObject({
      error: { code: -32050, message: 'Odd', data: { reason: 'odd' } },
    });
  });

  it('should let the application map its own errors, and survive a mapper that fails', async () => {
    const client = await connect((thrown, call) => {
      if (call.method === 'echo.fail' && call.id === 2) throw new Error('the mapper itself');
      if (!(thrown instanceof OwnError)) return undefined;
      return { code: -32099, message: 'Ours', data: { reason: 'ours' }, logLevel: 'debug' };
    });
    expect(await client.call('echo.fail')).toMatchObject({
      error: { code: -32099, message: 'Ours', data: { reason: 'ours' } },
    });
    expect(await client.call('echo.fail')).toMatchObject({ error: { code: -32603 } });
    expect(await client.call('echo.forbidden')).toMatchObject({ error: { code: -32004 } });
  });
});

describe('what is wrapped around calls', () => {
  it('should see each call and how it ended, and run outside of guards and interceptors', async () => {
    const seen: unknown[] = [];
    const { connect } = await start(
      { providers: [EchoGateway, { provide: APP_GUARD, useClass: TraceGuard }] },
      {
        aroundCall: async (call, run) => {
          steps.push('around in');
          const outcome = await run();
          steps.push('around out');
          seen.push([call.method, 'result' in outcome ? outcome.result : outcome.thrown]);
          return outcome;
        },
      },
    );
    const client = await connect();
    await client.call('echo.nothing');
    await client.call('echo.fail');

    expect(steps).toEqual(['around in', 'global guard', 'around out', 'around in', 'global guard', 'around out']);
    expect(seen).toEqual([
      ['echo.nothing', undefined],
      ['echo.fail', expect.any(OwnError)],
    ]);
  });

  it('should not end the connection when it throws', async () => {
    const { connect } = await start(
      { providers: [EchoGateway] },
      { aroundCall: () => Promise.reject(new Error('a bug of the application')) },
    );

    expect((await (await connect()).call('echo.nothing')).error).toMatchObject({ code: -32603 });
  });
});
