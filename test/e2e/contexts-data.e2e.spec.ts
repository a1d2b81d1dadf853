import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { TestContext } from '../support/test-context.js';

const server = useServer();
let context: TestContext;

beforeAll(async () => {
  const { id } = await server.session({ language: 'python-data' });
  context = await TestContext.create(server.client, id);
});

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const isPicture = (data: string): boolean => Buffer.from(data, 'base64').subarray(0, PNG.length).equals(PNG);

describe('a context of python-data', () => {
  it('shows tables as text and as HTML', async () => {
    const { results, error } = await context.run(
      'import numpy as np\nimport pandas as pd\npd.DataFrame({"a": np.arange(3), "b": ["x", "y", "é"]})',
      { timeoutMs: 120_000 },
    );

    expect(error).toBeNull();
    expect(results).toHaveLength(1);
    expect(results[0]['text/plain']).toContain('a  b');
    expect(results[0]['text/html']).toContain('<td>é</td>');
  });

  it('shows figures without a show, with one, and once', async () => {
    const without = await context.run('import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.title("x");', {
      timeoutMs: 120_000,
    });
    expect(without.error).toBeNull();
    expect(without.results.map((shown: any) => isPicture(shown['image/png']))).toEqual([true]);
    expect(without.stderr).not.toContain('Agg');

    const shown = await context.run('plt.figure(); plt.plot([1]); plt.show()\nprint("after")', { timeoutMs: 120_000 });
    expect(shown).toMatchObject({ stdout: 'after\n', stderr: '', error: null });
    expect(shown.results).toHaveLength(1);

    const value = await context.run('figure, axes = plt.subplots()\nfigure', { timeoutMs: 120_000 });
    expect(value.results.map((each: any) => isPicture(each['image/png']))).toEqual([true]);
    expect((await context.run('1')).results).toEqual([{ 'text/plain': '1' }]);
  });

  it('shows what a cell has drawn before it failed with that cell, and not with the next', async () => {
    const failed = await context.run('plt.plot([1]); 1/0', { timeoutMs: 120_000 });

    expect(failed).toMatchObject({ error: { name: 'ZeroDivisionError' } });
    expect(failed.results.map((each: any) => isPicture(each['image/png']))).toEqual([true]);
    expect((await context.run('2')).results).toEqual([{ 'text/plain': '2' }]);
  });
});
