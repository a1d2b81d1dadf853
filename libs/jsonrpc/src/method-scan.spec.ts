import { afterEach, describe, expect, it } from 'vitest';
import { RpcGateway, RpcMethod, RpcParams } from './index.js';
import { start, stopAll } from './testing/support.js';

interface Shape {
  text: string;
}

@RpcGateway()
class FirstGateway {
  @RpcMethod('thing.get')
  get() {}
}

@RpcGateway()
class SecondGateway {
  @RpcMethod('thing.get')
  fetch() {}
}

@RpcGateway({ path: '/other' })
class OtherPathGateway {
  @RpcMethod('thing.get')
  get() {}
}

@RpcGateway()
class InterfaceGateway {
  @RpcMethod('thing.put')
  put(@RpcParams() _params: Shape) {}
}

@RpcGateway()
class PrimitiveGateway {
  @RpcMethod('thing.put')
  put(@RpcParams() _params: string) {}
}

class BareProvider {
  @RpcMethod('thing.put')
  put() {}
}

afterEach(stopAll);

describe('the check at boot', () => {
  it('should refuse a method that is registered twice, naming both places', async () => {
    await expect(start({ providers: [FirstGateway, SecondGateway] })).rejects.toThrow(
      /"thing\.get" is registered twice.*FirstGateway\.get and SecondGateway\.fetch/,
    );
  });

  it('should allow one name on two paths', async () => {
    const { connect } = await start({ providers: [FirstGateway, OtherPathGateway] });
    expect(await (await connect()).call('thing.get')).toMatchObject({ result: null });
  });

  it.each([InterfaceGateway, PrimitiveGateway])('should refuse params that are no DTO class: %o', async (gateway) => {
    await expect(start({ providers: [gateway] })).rejects.toThrow(/"thing\.put".*\.put must be a DTO class/);
  });

  it('should refuse methods outside a gateway', async () => {
    await expect(start({ providers: [BareProvider] })).rejects.toThrow(/BareProvider\.put needs @RpcGateway\(\)/);
  });

  it.each(['rpc.mine', '$/mine'])('should refuse the reserved name %s', (name) => {
    expect(() => RpcMethod(name)).toThrow(/reserved/);
  });

  it('should refuse limits that mean nothing', async () => {
    await expect(start({}, { maxInFlight: 0 })).rejects.toThrow(/maxInFlight/);
    await expect(start({}, { heartbeatIntervalMs: Number.NaN })).rejects.toThrow(/heartbeatIntervalMs/);
    await expect(start({}, { maxPayloadBytes: 2 ** 31 })).rejects.toThrow(/maxPayloadBytes/);
  });
});
