import { Type } from 'class-transformer';
import { IsArray, IsInt, IsOptional, IsString, Min, ValidateNested } from 'class-validator';
import { describe, expect, it } from 'vitest';

import { DomainError } from '#libs/sessions';

import type { CommandMetadata } from './command-handler.js';
import { IsArgument, IsEnvironment, IsPath, IsProgramName, IsTimeoutMs } from './fields.js';
import { ExecuteCodeParams } from './types/execute-code.command.js';
import { validateCommand } from './validate-command.js';

class Part {
  @IsInt()
  @Min(1)
  size: number;
}

class Params {
  @IsString()
  sourcePath: string;

  @IsOptional()
  @IsInt()
  depth = 3;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts?: Part[];
}

const METADATA: CommandMetadata = {
  type: 'test',
  params: Params,
  fieldAliases: { source: 'sourcePath' },
  summary: 'Tests.',
};

const validated = (fields: object) => validateCommand(METADATA, fields);

function violationsOf(fields: object, metadata = METADATA): { field: string; message: string }[] {
  try {
    validateCommand(metadata, fields);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    expect(error.reason).toBe('invalid_params');
    const violations = error.data['violations'] as { field: string; message: string }[];
    expect(error.message).toContain(violations[0]?.field);
    return violations;
  }
  throw new Error('it was not refused');
}

describe('validateCommand', () => {
  it('gives an instance of the command’s class with its defaults', () => {
    const params = validated({ sourcePath: '/a' });

    expect(params).toBeInstanceOf(Params);
    expect(params).toEqual({ sourcePath: '/a', depth: 3 });
  });

  it('takes a field by its other name', () => {
    expect(validated({ source: '/a', depth: 1 })).toEqual({ sourcePath: '/a', depth: 1 });
  });

  it.each([
    [{ sourcePath: '/a', source: '/a' }, 'command.source'],
    [{ source: '/a', sourcePath: '/b' }, 'command.sourcePath'],
  ])('refuses a field under both of its names, even where they agree (%j)', (fields, field) => {
    expect(violationsOf(fields)).toEqual([{ field, message: 'sourcePath and source say the same; give one of them' }]);
  });

  it('says of a value of the wrong kind only that', () => {
    const metadata = { type: 'execute_code', params: ExecuteCodeParams, summary: '' };
    const messages = (fields: object): string[] => violationsOf(fields, metadata).map(({ message }) => message);
    expect(messages({ code: 5 })).toEqual(['code must be a string']);
    expect(messages({ code: '', args: 'x' })).toEqual(['args must be an array']);
    expect(messages({ code: '', args: [5] })).toEqual(['each value in args must be a string']);
    expect(messages({ code: '', timeoutMs: '5' })).toEqual(['timeoutMs must be an integer number']);
  });

  it('names a field that there is not', () => {
    expect(violationsOf({ sourcePath: '/a', depht: 1 })).toEqual([
      { field: 'command.depht', message: 'there is no field depht' },
    ]);
  });

  it('names every wrong field at once', () => {
    expect(
      violationsOf({ sourcePath: 5, depth: 'deep', more: 1 })
        .map(({ field }) => field)
        .sort(),
    ).toEqual(['command.depth', 'command.more', 'command.sourcePath']);
  });

  it('names a field that is missing', () => {
    expect(violationsOf({})).toEqual([
      { field: 'command.sourcePath', message: expect.stringContaining('must be a string') as string },
    ]);
  });

  it('names the place of a wrong field within others', () => {
    const fields = { sourcePath: '/a', parts: [{ size: 1 }, { size: 0 }, { size: 2, colour: 'red' }] };

    expect(violationsOf(fields)).toEqual([
      { field: 'command.parts.1.size', message: expect.stringContaining('not be less than 1') as string },
      { field: 'command.parts.2.colour', message: 'there is no field colour' },
    ]);
  });

  it('does not convert: text is no number', () => {
    expect(violationsOf({ sourcePath: '/a', depth: '3' })).toHaveLength(1);
  });

  it('does not let a field reach a prototype', () => {
    const fields = JSON.parse('{"sourcePath":"/a","__proto__":{"depth":9}}') as object;
    const params = (() => {
      try {
        return validated(fields);
      } catch {
        return new Params();
      }
    })();

    expect(Object.getPrototypeOf(params)).toBe(Params.prototype);
    expect(({} as { depth?: number }).depth).toBeUndefined();
  });

  // class-transformer passes over keys that the prototype has as functions.
  it('names a field that there is not, though every object has something of that name', () => {
    expect(violationsOf({ sourcePath: '/a', toString: 'x' }).map(({ field }) => field)).toEqual(['command.toString']);
  });

  it('keeps variables of any name', () => {
    class Environment {
      @IsEnvironment()
      env: Record<string, string>;
    }
    const env = { toString: 'x', valueOf: 'y', A: 'b' };
    const params = validateCommand({ type: 'env', params: Environment, summary: 'Tests.' }, { env });

    expect((params as Environment).env).toEqual(env);
  });

  it('takes null for a field that is not there, as @IsOptional() would let it pass to the handler', () => {
    expect(validated({ sourcePath: '/a', depth: null })).toMatchObject({ depth: 3 });
    expect(violationsOf({ sourcePath: null }).map(({ field }) => field)).toEqual(['command.sourcePath']);
  });
});

describe('the rules for fields', () => {
  class Fields {
    @IsOptional()
    @IsPath()
    path?: string;

    @IsOptional()
    @IsEnvironment()
    env?: Record<string, string>;

    @IsOptional()
    @IsArgument({ each: true })
    args?: string[];

    @IsOptional()
    @IsProgramName()
    program?: string;

    @IsTimeoutMs()
    timeoutMs?: number;
  }

  const metadata: CommandMetadata = { type: 'fields', params: Fields, summary: 'Tests.' };

  it.each([
    [{ path: 'a' }],
    [{ path: 'x'.repeat(4_096) }],
    [{ env: {} }],
    [{ env: { A: '', 'a.b-c': 'x=y\nz' } }],
    [{ args: [] }],
    [{ args: ['', 'a b', '☃'] }],
    [{ program: '/bin/ls' }],
    [{ timeoutMs: 1 }],
    [{ timeoutMs: Number.MAX_SAFE_INTEGER }],
  ])('allow %j', (fields) => {
    expect(validateCommand(metadata, fields)).toEqual(fields);
  });

  it.each([
    [{ path: '' }],
    [{ path: 'a\0b' }],
    [{ path: 'x'.repeat(4_097) }],
    [{ path: 'é'.repeat(2_049) }],
    [{ path: ['a'] }],
    [{ env: { '': 'x' } }],
    [{ env: { 'A=B': 'x' } }],
    [{ env: { A: 1 } }],
    [{ env: { A: 'x\0' } }],
    [{ env: { 'A\0': 'x' } }],
    [{ env: 'A=b' }],
    [{ env: ['A=b'] }],
    [{ args: ['a\0'] }],
    [{ args: [1] }],
    [{ args: [['a']] }],
    [{ program: '' }],
    [{ program: 'a\0' }],
    [{ timeoutMs: 0 }],
    [{ timeoutMs: 1.5 }],
    [{ timeoutMs: '5' }],
    [{ timeoutMs: 2 ** 53 }],
  ])('refuse %j', (fields) => {
    expect(violationsOf(fields, metadata)[0]?.field).toBe(`command.${Object.keys(fields)[0]}`);
  });
});
