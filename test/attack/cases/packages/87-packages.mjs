import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { outcomeOf } from '../../answers.mjs';

const PROJECT = `[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
`;
const NAMES = [
  ['$(touch pwned)'],
  ['requests; touch pwned'],
  ['--index-url=http://169.254.169.254/simple', 'requests'],
  ['git+https://127.0.0.1:5000/evil.git'],
  ['-r', '/etc/shadow'],
  ['file:///proc/1/environ'],
];
const NPM = { name: 'evil', version: '1.0.0', scripts: { postinstall: 'echo ran > ran; setsid sleep 600 &' } };

export const number = 87;
export const title = 'packages that attack while they are installed';
export const tries =
  'installs packages whose hooks leave daemons and change the system, and names that are flags, URLs or shell';
export const mustHappen =
  'hooks can do what any program can and no more, their daemons end with the command, and no name reaches a shell or the network';
export const why = 'to install a package is to run it, and its name comes from whoever asks';

export async function run(ctx) {
  await Promise.all([hooksOfPip(ctx), hooksOfNpm(ctx)]);
  await names(ctx);
  const next = await ctx.newSession();
  ctx.expect(!(await next.python('import evil')).result.stdout.includes('evil'), 'the next session has the package');
  await ctx.expectAlive();
  ctx.held(`hooks of pip and npm ran, got nowhere and left nothing; ${NAMES.length} hostile names installed nothing`);
}

async function hooksOfPip(ctx) {
  const backend = await readFile(join(import.meta.dirname, '87-backend.py'), 'utf8');
  await ctx.session.write('evil/backend.py', backend);
  await ctx.session.write('evil/pyproject.toml', PROJECT);
  const reply = await pip(ctx, ['--target', 'lib', './evil']);
  ctx.expectDone(reply, 'pip install');
  ctx.expect(reply.result.leftoversKilled >= 3, `only ${reply.result.leftoversKilled} daemons of the hook were ended`);
  const outcomes = JSON.parse((await ctx.session.read('outcomes')).result.content);
  ctx.expectDenied(outcomes);
  await ctx.expectNoProcess();
}

async function hooksOfNpm(ctx) {
  const session = await ctx.newSession({ language: 'nodejs' });
  await session.write('evil/package.json', JSON.stringify(NPM));
  const args = ['install', '--offline', '--no-audit', '--no-fund'];
  const env = { npm_config_cache: '/tmp/npm', HOME: '/tmp' };
  const reply = await session.run('npm', args, { workingDirectory: '/workspace/evil', env, timeoutMs: 20_000 });
  ctx.expectDone(reply, 'npm install');
  ctx.expect((await session.read('evil/ran')).success, 'the hook of npm did not run');
  await ctx.expectNoProcess(session);
}

async function names(ctx) {
  const replies = await Promise.all(NAMES.map((packages) => pip(ctx, packages)));
  for (const [index, { result }] of replies.entries()) {
    const name = NAMES[index].join(' ');
    ctx.expect(result.endReason === 'exited' && result.exitCode !== 0, `${name} was installed: ${result.stdout}`);
    ctx.expect(!/root:|daemon:/.test(result.stdout + result.stderr), `${name} told what stands in a file`);
  }
  for (const packages of NAMES) {
    const command = { type: 'install_packages', packages };
    const { result } = await outcomeOf(ctx.session.command(command));
    ctx.expect(result?.success !== true, `install_packages has installed ${packages.join(' ')}`);
  }
  const { errorCode } = await ctx.session.command({ type: 'stat_file', path: 'pwned' });
  ctx.expect(errorCode === 'not_found', 'a name of a package was run by a shell');
}

/** No name may be found, so nothing is waited for. */
function pip(ctx, packages) {
  const options = ['--no-input', '--retries', '0', '--timeout', '1'];
  const env = { HOME: '/tmp' };
  return ctx.session.run('python3', ['-m', 'pip', 'install', ...options, ...packages], { env, timeoutMs: 20_000 });
}
