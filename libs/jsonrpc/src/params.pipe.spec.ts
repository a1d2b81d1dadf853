import { Type } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, ValidateNested } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { RpcGateway, RpcMethod, RpcParams } from './index.js';
import { start, stopAll } from './testing/support.js';

class Item {
  @IsInt()
  size: number;
}

class EchoParams {
  @IsString()
  text: string;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Item)
  items?: Item[];
}

@RpcGateway()
class EchoGateway {
  @RpcMethod('echo')
  echo(@RpcParams() params: EchoParams) {
    return params;
  }

  @RpcMethod('nothing')
  nothing() {}
}

const connect = async () => (await start({ providers: [EchoGateway] })).connect();

afterEach(stopAll);

describe('params', () => {
  const violations = async (params: object | undefined, method = 'echo') => {
    const client = await connect();
    const { error } = await client.call(method, params);
    expect(error?.code).toBe(-32602);
    expect(error?.data['reason']).toBe('invalid_params');
    const found = error?.data['violations'] as { field: string; message: string }[];
    expect(error?.message).toContain(found[0]?.field);
    return found.map(({ field }) => field);
  };

  it('should be validated when they are missing', async () => {
    expect(await violations(undefined)).toEqual(['text']);
  });

  it('should name nested fields by their paths', async () => {
    expect(await violations({ text: 'x', items: [{ size: 1 }, { size: 'x', more: 1 }] })).toEqual([
      'items.1.more',
      'items.1.size',
    ]);
  });

  it('should be refused when unknown, by methods without params too', async () => {
    expect(await violations({ text: 'x', bogus: 1 })).toEqual(['bogus']);
    expect(await violations({ bogus: 1, more: 2 }, 'nothing')).toEqual(['bogus']);
  });

  it.each(['__proto__', 'constructor', 'prototype'])('should be refused when named %s', async (name) => {
    const client = await connect();
    client.send(`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"text":"x","items":[{"${name}":{}}]}}`);
    expect(await client.next()).toMatchObject({
      error: { code: -32602, data: { violations: [{ field: `items.0.${name}` }] } },
    });
  });

  it('should not answer with thousands of violations', async () => {
    const items = Array.from({ length: 1_000 }, () => ({ size: 'x' }));
    expect(await violations({ text: 'x', items })).toHaveLength(50);
  });
});
