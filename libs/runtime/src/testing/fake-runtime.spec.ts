import { describeRuntime } from '../runtime.contract.js';
import { FAKE_IMAGE, FakeEngine, FakeRuntime } from './fake-runtime.js';

describeRuntime('FakeRuntime', () => {
  const engine = new FakeEngine();
  return { make: () => new FakeRuntime(engine), image: FAKE_IMAGE };
});
