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
  const reply = await install(ctx.session, { packages: ['./evil'] });
  ctx.expectDone(reply, 'the installation');
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
  const reply = await session.run('npm', args, { workingDirectory: '/workspace/evil', env, timeoutMs: 60_000 });
  ctx.expectDone(reply, 'npm install');
  ctx.expect((await session.read('evil/ran')).success, 'the hook of npm did not run');
  await ctx.expectNoProcess(session);
}

async function names(ctx) {
  const tries = [...NAMES.map((packages) => ({ packages })), { requirementsFile: '/etc/shadow' }];
  for (const { result, reason } of await Promise.all(tries.map((one) => outcomeOf(install(ctx.session, one))))) {
    ctx.expect(
      reason === 'invalid_params' || result?.success === false,
      `answered ${reason ?? JSON.stringify(result)}`,
    );
    ctx.expect(!/root:|daemon:/.test(JSON.stringify(result ?? '')), 'a name told what stands in a file');
  }
  const { errorCode } = await ctx.session.command({ type: 'stat_file', path: 'pwned' });
  ctx.expect(errorCode === 'not_found', 'a name of a package was run by a shell');
}

function install(session, what) {
  return session.command({ type: 'install_packages', ...what });
}
