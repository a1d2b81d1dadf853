import { Injectable, type OnModuleInit } from '@nestjs/common';

import { CommandsService } from '#libs/commands';
import { type JsonSchema, OpenRpcService } from '#libs/jsonrpc';

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
      const command = method('session.execute')?.params.find(({ name }) => name === 'command');
      if (command) command.schema = addSchema('Command', { oneOf });
    });
  }
}
