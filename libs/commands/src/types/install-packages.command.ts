import { ArrayMaxSize, IsArray, IsOptional, Matches } from 'class-validator';

import { programEnv, type Session } from '#libs/sessions';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { IsPath, IsTimeoutMs } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { runProgram, type RunResult } from '../run-program.js';

const MAX_PACKAGES = 100;
/** Not an option of the program, and nothing that has no bytes. */
const PACKAGE = /^[^\s\0-][^\0]{0,255}$/;
/** By these a session's env says where packages come from. */
const INDEX_SETTINGS = /^(pip_(index_url|extra_index_url|find_links|no_index)|npm_config_registry)$/i;
/** Without a network there is nothing to wait for. */
const NO_RETRIES = { PIP_RETRIES: '0', NPM_CONFIG_FETCH_RETRIES: '0' };

export class InstallPackagesParams {
  /** As the language's own program takes them: `numpy==2.3.4`, `lodash@4`, `./own.whl`. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_PACKAGES)
  @Matches(PACKAGE, { each: true, message: 'packages must be names of 1 to 256 characters that begin with no dash' })
  packages: string[] = [];

  /** A file that names them: requirements.txt, or package.json. */
  @IsOptional()
  @IsPath()
  requirementsFile?: string;

  @IsTimeoutMs()
  timeoutMs?: number;
}

@CommandHandler({
  type: 'install_packages',
  params: InstallPackagesParams,
  summary: "Installs packages below /workspace, from the index that the session's network or env leads to.",
})
export class InstallPackagesCommand implements Command<InstallPackagesParams> {
  constructor(private readonly options: CommandsOptions) {}

  async execute({ packages, requirementsFile }: InstallPackagesParams, context: CommandContext): Promise<RunResult> {
    const { session, timeoutMs } = context;
    const { language } = session.identity;
    if (!language.install) {
      throw new CommandFailure('unsupported_language', `Packages cannot be installed in sessions of ${language.name}.`);
    }
    if (packages.length === 0 && requirementsFile === undefined) {
      throw new CommandFailure('nothing_to_install', 'Neither packages nor a requirementsFile was named.');
    }
    if (requirementsFile !== undefined) {
      // What its program makes of a file that is not there would be taken for the network's fault.
      await session.sandbox.agent.readFile(requirementsFile, { length: 1 }, context);
    }
    const args = language.install({ packages, ...(requirementsFile === undefined ? {} : { requirementsFile }) });
    const env = isCutOff(session) ? NO_RETRIES : {};
    const result = await runProgram({ args, cwd: '/workspace', env, timeoutMs }, context, this.options);
    if (result.exitCode === 0) return result;
    if (!isCutOff(session)) {
      throw new CommandFailure('install_failed', `${args[0] ?? ''} could not install the packages.`, result);
    }
    throw new CommandFailure(
      'no_network',
      'The packages could not be installed: the session has no network, and its env names no package index ' +
        '(PIP_INDEX_URL, PIP_FIND_LINKS, NPM_CONFIG_REGISTRY).',
      result,
    );
  }
}

function isCutOff(session: Session): boolean {
  return (
    session.config.network === 'none' && !Object.keys(programEnv(session)).some((name) => INDEX_SETTINGS.test(name))
  );
}
