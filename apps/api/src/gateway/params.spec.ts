import 'reflect-metadata';

import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { describe, expect, it } from 'vitest';

import { violationsOf } from '#libs/jsonrpc';

import {
  CreateSessionParams,
  ExecuteParams,
  ExecutionIdParams,
  ExtendSessionParams,
  InitializeParams,
  ListSessionsParams,
  RunExecutionParams,
  SessionIdParams,
} from './params.js';

type Params = new () => object;

function errorsOf(type: Params, fields: object): ValidationError[] {
  return validateSync(plainToInstance(type, fields), { whitelist: true, forbidNonWhitelisted: true });
}

/** Fields that a class takes, before each of the wrong ones below is put in. */
const RIGHT = new Map<Params, object>([
  [InitializeParams, {}],
  [SessionIdParams, { sessionId: 's_1' }],
  [CreateSessionParams, { language: 'python' }],
  [ExecuteParams, { sessionId: 's_1', command: { type: 'shell' } }],
  [ListSessionsParams, {}],
  [ExtendSessionParams, { sessionId: 's_1' }],
  [RunExecutionParams, { language: 'python', code: '' }],
  [ExecutionIdParams, { executionId: 'e_1' }],
]);

const full = {
  language: 'python',
  idleTimeoutMinutes: 0.01,
  maxLifetimeMinutes: 0.5,
  memoryLimitMB: 6,
  cpuLimit: 0.01,
  cpuShares: 2,
  pidsLimit: 1,
  diskLimitMB: 1,
  network: 'none',
  dockerImage: 'ours:1',
  env: { A: 'b' },
  labels: { team: 'x' },
  name: '',
};

describe('params', () => {
  it.each([...RIGHT].map(([type, fields]) => [type.name, type, fields] as const))(
    'of %s are fine with the least that is needed, and refuse what there is not',
    (_name, type, fields) => {
      expect(errorsOf(type, fields)).toEqual([]);
      expect(violationsOf(errorsOf(type, { ...fields, unknown: 1 })).map(({ field }) => field)).toEqual(['unknown']);
    },
  );

  const complete: [Params, object][] = [
    [CreateSessionParams, full],
    [ExecuteParams, { sessionId: 's', command: {}, stream: true, timeoutMs: 1 }],
    [ListSessionsParams, { language: 'x', state: 'Active', labels: {}, limit: 1000, cursor: 'c' }],
    [ExtendSessionParams, { sessionId: 's', idleTimeoutMinutes: 1, maxLifetimeMinutes: 1 }],
    [
      RunExecutionParams,
      {
        language: 'go',
        code: 'x',
        stdin: '',
        args: ['a'],
        files: [{ path: 'a', content: '', encoding: 'base64' }],
        timeout: 0.001,
        memoryLimit: 6,
        cpuLimit: 0.01,
        packages: [],
        async: true,
      },
    ],
    [InitializeParams, { clientInfo: {}, protocolVersion: '1', capabilities: {} }],
  ];

  it.each(complete.map(([type, fields]) => [type.name, type, fields] as const))(
    'of %s are fine with all that there is',
    (_name, type, fields) => {
      expect(errorsOf(type, fields)).toEqual([]);
    },
  );

  const wrong: [Params, string, unknown][] = [
    [SessionIdParams, 'sessionId', ''],
    [SessionIdParams, 'sessionId', 5],
    [SessionIdParams, 'sessionId', 'x'.repeat(257)],
    [SessionIdParams, 'sessionId', undefined],
    [CreateSessionParams, 'language', ''],
    [CreateSessionParams, 'language', ['python']],
    [CreateSessionParams, 'idleTimeoutMinutes', 0],
    [CreateSessionParams, 'idleTimeoutMinutes', Number.NaN],
    [CreateSessionParams, 'maxLifetimeMinutes', -1],
    [CreateSessionParams, 'maxLifetimeMinutes', Number.POSITIVE_INFINITY],
    [CreateSessionParams, 'memoryLimitMB', 5],
    [CreateSessionParams, 'memoryLimitMB', 6.5],
    [CreateSessionParams, 'memoryLimitMB', '512'],
    [CreateSessionParams, 'cpuLimit', 0],
    [CreateSessionParams, 'cpuShares', 1],
    [CreateSessionParams, 'cpuShares', 262_145],
    [CreateSessionParams, 'pidsLimit', 0],
    [CreateSessionParams, 'pidsLimit', -1],
    [CreateSessionParams, 'diskLimitMB', 0],
    [CreateSessionParams, 'network', 'bridge'],
    [CreateSessionParams, 'network', 'host'],
    [CreateSessionParams, 'network', ''],
    [CreateSessionParams, 'network', ['none']],
    [CreateSessionParams, 'dockerImage', ''],
    [CreateSessionParams, 'env', { 'A=B': 'x' }],
    [CreateSessionParams, 'env', ['A']],
    [CreateSessionParams, 'labels', { '': 'x' }],
    [CreateSessionParams, 'labels', { a: 1 }],
    [CreateSessionParams, 'labels', []],
    [CreateSessionParams, 'labels', { ['x'.repeat(129)]: '' }],
    [CreateSessionParams, 'labels', { a: 'x'.repeat(1_025) }],
    [CreateSessionParams, 'labels', Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, '']))],
    [CreateSessionParams, 'name', 'x'.repeat(257)],
    [ExecuteParams, 'command', 'ls'],
    [ExecuteParams, 'command', undefined],
    [ExecuteParams, 'stream', 'yes'],
    [ExecuteParams, 'timeoutMs', 0],
    [ListSessionsParams, 'state', 'active'],
    [ListSessionsParams, 'limit', 0],
    [ListSessionsParams, 'limit', 1_001],
    [ListSessionsParams, 'cursor', 'x'.repeat(257)],
    [ExtendSessionParams, 'idleTimeoutMinutes', 0],
    [RunExecutionParams, 'code', undefined],
    [RunExecutionParams, 'timeout', 0],
    [RunExecutionParams, 'args', [1]],
    [RunExecutionParams, 'args', ['a\0']],
    [RunExecutionParams, 'packages', ['left-pad']],
    [RunExecutionParams, 'files', 5],
    [RunExecutionParams, 'async', 1],
    [ExecutionIdParams, 'executionId', ''],
  ];

  it.each(
    wrong.map(
      ([type, field, value]) => [type.name, field, JSON.stringify({ value }).slice(0, 40), type, value] as const,
    ),
  )('of %s name a wrong %s (%s)', (_name, field, _shown, type, value) => {
    const violations = violationsOf(errorsOf(type, { ...RIGHT.get(type), [field]: value }));

    expect(new Set(violations.map((violation) => violation.field))).toEqual(new Set([field]));
  });

  it('name the place of a wrong file of an execution', () => {
    const files = [
      { path: 'a', content: '' },
      { path: '', content: 5, mode: 'x' },
    ];
    const errors = errorsOf(RunExecutionParams, { language: 'go', code: '', files });

    expect([...new Set(violationsOf(errors).map(({ field }) => field))].sort()).toEqual([
      'files.1.content',
      'files.1.mode',
      'files.1.path',
    ]);
  });

  it('say that packages need a network', () => {
    const errors = errorsOf(RunExecutionParams, { language: 'go', code: '', packages: ['x'] });

    expect(violationsOf(errors)[0]?.message).toContain('no network');
  });

  it('have the defaults of API.md', () => {
    expect(plainToInstance(ExecuteParams, {})).toEqual({ stream: false, detach: false });
    expect(plainToInstance(ListSessionsParams, {})).toEqual({ limit: 100 });
    expect(plainToInstance(RunExecutionParams, {})).toEqual({ args: [], files: [], timeout: 30, async: false });
  });
});
