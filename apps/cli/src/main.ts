import { parseArgs } from 'node:util';

import { Config, ConfigError } from '../../api/src/config/config.js';
import { attack } from './attack.js';
import { examineHost } from './doctor.js';
import { reportText } from './report-text.js';

const USAGE = `usage: codebeaker doctor [--json] [--attack [--only 3,17,40-43]]
  Says what this host gives to sandboxes, with the settings of the server's environment.
  --json    the report as JSON (docs/operations.md)
  --attack  then makes the hostile programs of test/attack as well, all or some; what they say goes to stderr
`;

/** The exit code of a program that Ctrl-C has ended. */
const STOPPED = 130;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      attack: { type: 'boolean', default: false },
      only: { type: 'string' },
    },
  });
  if (positionals.join(' ') !== 'doctor') throw new UsageError();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new StoppedError()));
  const report = await examineHost(Config.fromEnv(process.env), stop.signal);
  process.stdout.write(
    values.json ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report, process.stdout.columns),
  );
  const isWell = report.totals.fail === 0;
  const hasHeld = !values.attack || (await attack(values.only));
  return isWell && hasHeld ? 0 : 1;
}

class UsageError extends Error {}

/** By whoever called it. */
class StoppedError extends Error {}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    if (error instanceof StoppedError) {
      process.exitCode = STOPPED;
      return;
    }
    const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
    const text = error instanceof ConfigError || !(error instanceof Error) ? String(error) : (error.stack ?? '');
    process.stderr.write(isUsage ? USAGE : `${text}\n`);
    process.exitCode = 2;
  },
);
