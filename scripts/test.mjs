// Runs every kind of test that the project has, and adds up what passed and what failed.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';

const SOURCES = ['apps', 'libs', 'test', 'scripts'];

const scratch = await mkdtemp(join(tmpdir(), 'codebeaker-test-'));
const totals = { passed: 0, failed: 0 };
/** What did not pass, told again at the end: of a long output often only that is kept. */
const failures = [];

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (bytes) => process.stdout.write(bytes));
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function count(name, passed, failed, startedAt) {
  totals.passed += passed;
  totals.failed += failed;
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`# ${name}: ${passed} passed, ${failed} failed (${seconds} s)\n`);
}

/** A check that is either right or wrong. */
async function check(name, command, args) {
  const startedAt = Date.now();
  const code = await run(command, args);
  if (code !== 0) failures.push(name);
  count(name, code === 0 ? 1 : 0, code === 0 ? 0 : 1, startedAt);
}

/** Skipped tests count as failed: nothing here may pass by not being run. */
async function vitest(project) {
  const startedAt = Date.now();
  const file = join(scratch, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile=${file}`];
  const code = await run('npx', ['vitest', 'run', '--project', project, ...reporters]);
  const report = await readFile(file, 'utf8').then(JSON.parse, () => ({
    numPassedTests: 0,
    numTotalTests: 0,
    testResults: [],
  }));
  const notPassed = report.numTotalTests - report.numPassedTests;
  failures.push(...unpassed(report));
  // A file that does not load, or something left behind, fails the run without failing a test.
  count(`${project} tests`, report.numPassedTests, code !== 0 && notPassed === 0 ? 1 : notPassed, startedAt);
}

function unpassed({ testResults }) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const tests = assertionResults.filter((test) => test.status !== 'passed');
    if (status === 'failed' && tests.length === 0) return [`${file}: ${message}`];
    return tests.map(
      ({ fullName, failureMessages }) => `${file}: ${fullName}\n    ${failureMessages?.[0] ?? 'not run'}`,
    );
  });
}

/** Most of their time goes into waiting, so that they can be made beside others: what they say comes at their end. */
async function agentTests() {
  const startedAt = Date.now();
  const { code, said } = await new Promise((resolve) => {
    const options = { maxBuffer: 64 * 1_048_576 };
    execFile('bash', ['scripts/agent-test.sh'], options, (error, stdout, stderr) =>
      resolve({ code: error ? 1 : 0, said: stdout + stderr }),
    );
  });
  process.stdout.write(said);
  // BuildKit puts its step and time in front of each line.
  const passed = said.match(/^(#\d+ [\d.]+ )?--- PASS/gm)?.length ?? 0;
  const bad = said.match(/^(#\d+ [\d.]+ )?--- (FAIL|SKIP).*/gm) ?? [];
  failures.push(...bad);
  if (code !== 0 && bad.length === 0) failures.push('agent tests: scripts/agent-test.sh failed');
  count('agent tests', passed, code !== 0 && bad.length === 0 ? 1 : bad.length, startedAt);
}

/**
 * Hostile programs: what held has passed; what does not apply here is neither, and printed with its reason. No test fails
 * because a machine is slow, so the other session's times are judged by `npm run attack` alone. Half of the cases go
 * through a server of their own beside the other half: most of the time goes into waiting.
 */
async function attacks() {
  const startedAt = Date.now();
  const shares = await Promise.all(['1/2', '2/2'].map(attackShare));
  const sum = (counted) => shares.reduce((total, share) => total + share[counted], 0);
  count('attacks', sum('held'), sum('fell'), startedAt);
}

async function attackShare(share) {
  const file = join(scratch, `attack-${share[0]}.json`);
  const code = await run('node', ['test/attack/main.mjs', '--untimed', '--share', share, '--json', file]);
  const { totals, cases } = await readFile(file, 'utf8').then(JSON.parse, () => ({
    totals: { held: 0, fell: 0 },
    cases: [],
  }));
  failures.push(
    ...cases
      .filter(({ verdict }) => verdict === 'fell')
      .map((fell) => `attack ${fell.number} ${fell.title}: ${fell.what}`),
  );
  if (code !== 0 && totals.fell === 0) failures.push(`attacks ${share}: ended with ${code}`);
  return { held: totals.held, fell: code !== 0 && totals.fell === 0 ? 1 : totals.fell };
}

const agent = agentTests();
await check('format', 'npx', ['oxfmt', '--check', ...SOURCES]);
await check('lint', 'npm', ['run', '--silent', 'lint']);
await check('type check', 'npm', ['run', '--silent', 'typecheck']);
await vitest('unit');
await agent;
await vitest('e2e');
await attacks();
await check('bench', 'node', ['test/bench/main.mjs', '--quick', '--part', 'commands,contexts']);

await rm(scratch, { recursive: true, force: true });
for (const failure of failures) console.log(`NOT PASSED  ${failure}`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;
