// The same without any container between, and what the very container gives to a program that does nothing else.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Spawns a program on this machine, reads its output to the end, and waits for it. */
export async function bareSpawn(command, args = []) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

const TIMED_STARTS = `
import subprocess, sys, time
times = []
for _ in range(int(sys.argv[1])):
    at = time.perf_counter()
    subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, check=True)
    times.append(time.perf_counter() - at)
print(sorted(times)[len(times) // 2] * 1000)`;

/** Median time of a program in a session's container, started there by another, in ms. */
export async function startsInside(server, session, rounds, program) {
  const command = { type: 'execute_code', code: TIMED_STARTS, args: [String(rounds), ...program] };
  const { exitCode, stdout, stderr } = await server.execute(session, command);
  if (exitCode !== 0) throw new Error(`the bare starts failed: ${stderr}`);
  return Number(stdout);
}

/** posix_spawn does not copy the parent, so an interpreter makes as many processes as a C program does. */
const SPAWN_RATE = `
import os, sys, time
seconds, count = float(sys.argv[1]), int(sys.argv[2])
def worker(out):
    made, at = 0, time.perf_counter()
    while time.perf_counter() - at < seconds:
        _, status = os.waitpid(os.posix_spawn('/bin/true', ['/bin/true'], {}), 0)
        if status != 0: os._exit(1)
        made += 1
    os.write(out, b'%f\\n' % (made / (time.perf_counter() - at)))
    os._exit(0)
out, into = os.pipe()
workers = []
for _ in range(count):
    pid = os.fork()
    if pid == 0: worker(into)
    workers.append(pid)
for pid in workers:
    if os.waitpid(pid, 0)[1] != 0: sys.exit('a worker failed')
os.close(into)
print(sum(float(line) for line in os.read(out, 65536).split()))`;

/**
 * How many `/bin/true` per second are spawned and waited for in a session's container by programs that do nothing else.
 * @param workers how many do it at once
 */
export async function spawnRateInside(server, session, seconds, workers) {
  const args = [String(seconds), String(workers)];
  const { exitCode, stdout, stderr } = await server.execute(session, { type: 'execute_code', code: SPAWN_RATE, args });
  if (exitCode !== 0) throw new Error(`the bare spawns failed: ${stderr}`);
  return Number(stdout);
}
