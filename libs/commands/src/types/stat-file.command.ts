import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

export class StatFileParams {
  @IsPath()
  path: string;
}

@CommandHandler({
  type: 'stat_file',
  params: StatFileParams,
  summary: 'Tells what lies at a path; of a link, the link itself.',
})
export class StatFileCommand implements Command<StatFileParams> {
  async execute({ path }: StatFileParams, context: CommandContext) {
    return context.session.sandbox.agent.statFile(path, context);
  }
}
