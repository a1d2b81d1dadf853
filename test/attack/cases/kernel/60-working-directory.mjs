export const number = 60;
export const title = 'working directory through a leaked descriptor';
export const tries =
  'starts programs in /proc/self/fd/N, /proc/1/cwd and links to them, and looks for the host from there';
export const mustHappen = 'it is refused as spawn_failed, or is a directory of the sandbox';
export const why = 'runc entered a directory of the host this way (CVE-2024-21626, attack 2)';

const DESCRIPTORS = Array.from({ length: 24 }, (_, number) => number);
const PATHS = [
  ...DESCRIPTORS.map((number) => `/proc/self/fd/${number}`),
  ...[0, 3, 5, 7, 8].map((number) => `/proc/1/fd/${number}`),
  '/proc/self/root',
  '/proc/self/cwd',
  '/proc/1/cwd',
  '/proc/1/root',
  '/proc/thread-self/root',
  '/dev/fd/7',
  ...DESCRIPTORS.map((number) => `link-${number}`),
  '../../..',
  '/proc/self/fd/7/../../..',
];
/** A directory outside of every mount has no name: the kernel says so. */
const LOOK =
  'pwd -P; ls -d /proc/1/root ../../../../../../codebeaker/agent; test -e ../../../../../../var/lib/docker && echo host';

export async function run(ctx) {
  const links = DESCRIPTORS.map((number) => `ln -s /proc/self/fd/${number} link-${number}`);
  ctx.expectDone(await ctx.session.sh(links.join(' && ')));
  let inside = 0;
  let refused = 0;
  for (const workingDirectory of PATHS) {
    const reply = await ctx.session.sh(LOOK, { workingDirectory }).catch((error) => {
      ctx.expect(error.reason === 'invalid_params', `${workingDirectory} broke: ${error.message}`);
      return undefined;
    });
    if (reply === undefined || reply.errorCode === 'spawn_failed') {
      refused++;
      continue;
    }
    const { stdout } = ctx.expectEnd(reply, 'exited');
    ctx.expect(/^\/(?!.*unreachable)/.test(stdout), `${workingDirectory} is outside: ${stdout}`);
    ctx.expect(
      !stdout.includes('host') && stdout.includes('codebeaker/agent'),
      `${workingDirectory} is not the sandbox`,
    );
    inside++;
  }
  await ctx.expectAlive();
  ctx.held(`${PATHS.length} directories: ${refused} refused, ${inside} in the sandbox`);
}
