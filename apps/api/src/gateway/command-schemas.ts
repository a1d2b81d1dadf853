import { Injectable, type OnModuleInit } from '@nestjs/common';

import { CommandsService } from '#libs/commands';
import { END_REASONS, LIMIT_NAMES } from '#libs/runtime';
import { type JsonSchema, OpenRpcService } from '#libs/jsonrpc';

/** What session.execute answers; `result` is by the type of the command. */
const OUTCOME: JsonSchema = {
  type: 'object',
  required: ['success', 'result', 'error', 'durationMs'],
  properties: {
    success: { type: 'boolean' },
    result: {
      description: 'By the type of the command. Of a program: how it ended, and what it wrote.',
      type: ['object', 'null'],
      properties: {
        endReason: { $ref: '#/components/schemas/EndReason' },
        exitCode: { type: ['integer', 'null'] },
        signal: { type: ['string', 'null'] },
        stdout: { type: 'string' },
        stderr: { type: 'string' },
        stdoutBase64: { type: 'string', description: 'The exact bytes, where they are not UTF-8.' },
        stderrBase64: { type: 'string' },
        truncated: { type: 'boolean', description: 'A stream had more than the reply holds; its count is exact.' },
        stdoutBytes: { type: 'integer' },
        stderrBytes: { type: 'integer' },
        durationMs: { type: 'number' },
        cpuMs: { type: 'number' },
        maxRssBytes: { type: 'integer' },
        oomKills: { type: 'integer', description: 'Processes that the kernel killed for memory meanwhile.' },
        leftoversKilled: {
          type: 'integer',
          description: 'Processes that the program left behind and that were ended.',
        },
        limitsHit: {
          type: 'array',
          items: { enum: [...LIMIT_NAMES] },
          description: 'Limits known to have been reached meanwhile; memory, pids and disk are the whole session’s.',
        },
        fullDisks: {
          type: 'array',
          items: { type: 'string' },
          description: 'Which of /workspace, /tmp and /dev/shm had no room at the end; absent where all had.',
        },
        kind: { type: 'string', description: 'What failed, with the endReason spawn_failed.' },
        phase: { enum: ['build'], description: 'Present where the compiler ended with an error and nothing was run.' },
      },
    },
    error: { type: ['string', 'null'] },
    errorCode: {
      type: 'string',
      description: 'With an error: the endReason of a program, or why a file command failed.',
    },
    durationMs: { type: 'number' },
    id: { type: ['string', 'number'] },
  },
};

/** Completes the OpenRPC document by what `command` of session.execute may be: one schema for every command type. */
@Injectable()
export class CommandSchemas implements OnModuleInit {
  constructor(
    private readonly commands: CommandsService,
    private readonly openRpc: OpenRpcService,
  ) {}

  onModuleInit(): void {
    this.openRpc.contribute(({ addSchema, schemaOf, method }) => {
      const oneOf = this.commands
        .types()
        .map(({ type, aliases = [], params, summary, fieldAliases = {} }): JsonSchema => {
          const names = Object.entries(fieldAliases).map(([alias, field]) => `${alias} for ${field}`);
          return addSchema(`Command_${type}`, {
            description: names.length > 0 ? `${summary} Other field names: ${names.join(', ')}.` : summary,
            type: 'object',
            required: ['type'],
            properties: { type: { enum: [type, ...aliases] }, id: { type: ['string', 'number'] } },
            'x-fields': schemaOf(params),
          });
        });
      addSchema('EndReason', { enum: [...END_REASONS] });
      const outcome = addSchema('Outcome', OUTCOME);
      const execute = method('session.execute');
      if (execute) execute.result = { name: 'outcome', schema: outcome };
      const command = execute?.params.find(({ name }) => name === 'command');
      if (command) command.schema = addSchema('Command', { oneOf });
    });
  }
}
