import { stat } from 'node:fs/promises';

import { inspect } from '../../host.mjs';

export const number = 31;
export const title = "filling the engine's log";
export const tries =
  'writes to its own output, to the terminal, to the output of PID 1 and to /dev/kmsg, console and log';
export const mustHappen = 'the engine keeps no log of the container, and nothing but its own output takes a byte';
export const why = "the engine's json-file log has no limit by default, and fills the host's disk";

export async function run(ctx) {
  const flood = await ctx.session.sh('yes | head -c 20000000; yes | head -c 20000000 >&2');
  const { stdoutBytes, stderrBytes } = ctx.expectEnd(flood, 'exited');
  ctx.expect(stdoutBytes === 20_000_000 && stderrBytes === 20_000_000, `${stdoutBytes} and ${stderrBytes} bytes came`);
  const outcomes = await ctx.attempts('31-engine-log.py');
  ctx.expectDenied(outcomes);
  const { HostConfig, LogPath } = await inspect(ctx.session.containerId);
  ctx.expect(HostConfig.LogConfig.Type === 'none', `the log driver is ${HostConfig.LogConfig.Type}`);
  const logged = LogPath
    ? await stat(LogPath).then(
        ({ size }) => size,
        () => 0,
      )
    : 0;
  ctx.expect(logged === 0, `the engine's log has ${logged} bytes`);
  await ctx.keepUp(() => ctx.session.sh('yes | head -c 500000'));
  ctx.held('40 MB written, no log kept');
}
