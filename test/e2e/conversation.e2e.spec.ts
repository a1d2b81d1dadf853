import { describe, expect, it } from 'vitest';

import { docker } from '../support/leftovers.js';
import { cs, go } from '../support/programs.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';

const server = useServer();

const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;

describe('the conversation that every client has', () => {
  const files = [
    { language: 'python', path: 'main.py', content: "print('hello from python')\n", run: ['python3', 'main.py'] },
    { language: 'nodejs', path: 'main.js', content: "console.log('hello from nodejs');\n", run: ['node', 'main.js'] },
    {
      language: 'go',
      path: 'main.go',
      content: go('\tfmt.Println("hello from go")', 'fmt'),
      run: ['go', 'run', 'main.go'],
    },
    {
      language: 'csharp',
      path: 'Program.cs',
      content: cs('        Console.WriteLine("hello from csharp");\n        return 0;'),
      run: undefined,
    },
  ];

  it.each(files)('creates, writes, runs, lists and closes in $language', async ({ language, path, content, run }) => {
    const { client } = server;
    const asked = Date.now();
    const session = await server.session({ language });
    const { created } = session;
    expect(created).toMatchObject({
      sessionId: expect.stringMatching(/\S/),
      containerId: expect.stringMatching(/^[0-9a-f]{64}$/),
      language,
      createdAt: expect.stringMatching(ISO_UTC),
      config: {
        idleTimeoutMinutes: 30,
        maxLifetimeMinutes: 120,
        memoryLimitMB: 512,
        cpuLimit: 1,
        pidsLimit: 256,
        diskLimitMB: 1024,
        network: 'none',
      },
    });
    expect(Date.parse(created.createdAt)).toBeGreaterThanOrEqual(asked);
    const container = docker().getContainer(session.containerId);
    const { State, Mounts } = await container.inspect();
    expect(State.Running).toBe(true);

    const wrote = await session.do('write_file', { path, content });
    expect(wrote).toEqual({
      success: true,
      result: { path: `/workspace/${path}`, bytes: Buffer.byteLength(content) },
      error: null,
      durationMs: expect.any(Number),
    });
    const [commandName, ...args] = run ?? [];
    const ran = run
      ? await session.do('execute_shell', { commandName, args })
      : await session.do('execute_code', { code: content });
    expect(ran).toMatchObject({ success: true, error: null, durationMs: expect.any(Number) });
    expect(ran.result).toMatchObject({
      exitCode: 0,
      stdout: `hello from ${language}\n`,
      stderr: '',
      endReason: 'exited',
      durationMs: expect.any(Number),
    });

    const { count, sessions } = await client.call('session.list');
    expect(count).toBe(sessions.length);
    const listed = sessions.find(({ sessionId }: any) => sessionId === session.id);
    expect(listed).toMatchObject({
      sessionId: session.id,
      containerId: session.containerId,
      language,
      createdAt: created.createdAt,
      lastActivity: expect.stringMatching(ISO_UTC),
      state: 'Idle',
      executionCount: 2,
      idleMinutes: expect.any(Number),
      lifetimeMinutes: expect.any(Number),
    });
    expect(Date.parse(listed.lastActivity)).toBeGreaterThanOrEqual(Date.parse(created.createdAt));
    expect(listed.lifetimeMinutes).toBeGreaterThanOrEqual(listed.idleMinutes);
    expect(await client.call('session.get', { sessionId: session.id })).toMatchObject({ executionCount: 2 });

    expect(await session.close()).toEqual({ sessionId: session.id, closed: true });
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    const { Volumes } = await docker().listVolumes();
    const workspaces = Mounts.filter(({ Destination }) => Destination === '/workspace').map(({ Name }) => Name);
    expect((Volumes ?? []).filter(({ Name }) => workspaces.includes(Name))).toEqual([]);
    expect((await client.call('session.list')).sessions.map(({ sessionId }: any) => sessionId)).not.toContain(
      session.id,
    );
    for (const method of ['session.close', 'session.get']) {
      expect(await client.refusal(method, { sessionId: session.id })).toMatchObject({
        code: -32002,
        data: { reason: 'session_ended', endReason: 'closed' },
      });
    }
    expect(
      await client.refusal('session.execute', { sessionId: session.id, command: { type: 'stat_file', path: '.' } }),
    ).toMatchObject({ code: -32002, data: { reason: 'session_ended', endReason: 'closed' } });
  });

  it('begins with a session that is told to be Active', async () => {
    const session = await server.session();
    expect(session.created.state).toBe('Active');
  });

  it('keeps the files of one command for the next one, and for no other session', async () => {
    const [one, other] = await Promise.all([server.session(), server.session()]);
    await one.ok('write_file', { path: 'note.txt', content: 'mine' });
    expect(await one.sh('cat note.txt')).toBe('mine');
    expect(await other.do('read_file', { path: 'note.txt' })).toMatchObject({ success: false, errorCode: 'not_found' });
  });

  it('counts a session as Active only while a command of it runs', async () => {
    const session = await server.session();
    expect(await session.state()).toBe('Idle');
    await session.sh('mkfifo fifo');
    expect(await session.state()).toBe('Idle');
    const running = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo running; cat fifo'] });
    await written(server.client, running.id, 'running');
    expect(await session.state()).toBe('Active');
    const { sessions } = await server.client.call('session.list', { state: 'Active' });
    expect(sessions.map(({ sessionId }: any) => sessionId)).toEqual([session.id]);
    await session.sh('echo go > fifo');
    expect(await running.result).toMatchObject({ success: true });
    expect(await session.state()).toBe('Idle');
    await session.close();
  });
});

describe('execute_code beside the files of the session', () => {
  it('imports a Python module that was written before', async () => {
    const session = await server.session();
    await session.ok('write_file', { path: 'helper.py', content: "def greet(name):\n    return 'hello ' + name\n" });
    await session.ok('write_file', { path: 'package/__init__.py', content: 'WORD = "from a package"\n' });
    const code = 'import helper, package, os\nprint(helper.greet(package.WORD), os.getcwd())';
    expect(await session.ok('execute_code', { code })).toMatchObject({
      exitCode: 0,
      stdout: 'hello from a package /workspace\n',
    });
  });

  it('requires a JavaScript file that was written before', async () => {
    const session = await server.session({ language: 'nodejs' });
    await session.ok('write_file', { path: 'lib/helper.js', content: 'exports.greet = (name) => `hello ${name}`;\n' });
    const code = "const { greet } = require('./lib/helper.js');\nconsole.log(greet('module'), process.cwd());";
    expect(await session.ok('execute_code', { code })).toMatchObject({
      exitCode: 0,
      stdout: 'hello module /workspace\n',
      stderr: '',
    });
  });

  it.each([
    ['javascript', 'console.log("x".repeat(3_000_000)); process.exit(0);'],
    ['typescript', 'enum Size { Large = 3_000_000 }\nconsole.log("x".repeat(Size.Large)); process.exit(0);'],
    [
      'javascript',
      `const { spawn } = require('node:child_process');
       const child = ['-e', 'console.log("x".repeat(1_500_000)); process.exit(0)'];
       spawn(process.execPath, child, { stdio: 'inherit' }).on('exit', () => {
         console.log('x'.repeat(1_499_999));
         process.exit(0);
       });`,
    ],
  ])('gets all that a %s program printed before it exits: %s', async (language, code) => {
    const session = await server.session({ language });
    expect(await session.ok('execute_code', { code })).toMatchObject({
      exitCode: 0,
      stdoutBytes: 3_000_001,
      stderr: '',
    });
  });

  it('gets all of it with options for Node.js of its own as well', async () => {
    const session = await server.session({ language: 'nodejs', env: { NODE_OPTIONS: '--max-old-space-size=77' } });
    const code = 'console.log("x".repeat(3_000_000)); console.error(process.env.NODE_OPTIONS); process.exit(0);';
    const { stdoutBytes, stderr } = await session.ok('execute_code', { code });
    expect(stdoutBytes).toBe(3_000_001);
    expect(stderr).toContain('--max-old-space-size=77');
  });

  it('shows a JavaScript program nothing of how it is run', async () => {
    const session = await server.session({ language: 'nodejs' });
    const code = 'console.log(process.argv.length, process.execArgv, Object.keys(require.cache).length);\nnull.boom();';
    const { stdout, stderr } = await session.ok('execute_code', { code });
    expect(stdout).toBe('2 [] 1\n');
    expect(stderr).toMatch(/main\.js|\.run-/);
    expect(stderr).not.toContain('stdio.cjs');
  });

  it('imports a JavaScript module that was written before', async () => {
    const session = await server.session({ language: 'nodejs' });
    await session.ok('write_file', {
      path: 'helper.mjs',
      content: 'export const greet = (name) => `hello ${name}`;\n',
    });
    const code = "import { greet } from './helper.mjs';\nconsole.log(greet('module'));";
    expect(await session.ok('execute_code', { code })).toMatchObject({
      exitCode: 0,
      stdout: 'hello module\n',
      stderr: '',
    });
  });

  it('imports a TypeScript file that was written before', async () => {
    const session = await server.session({ language: 'ts' });
    await session.ok('write_file', {
      path: 'helper.ts',
      content:
        'export enum Mood { Good }\nexport const greet = (name: string, mood: Mood): string => `hello ${name} ${Mood[mood]}`;\n',
    });
    const code =
      "import { greet, Mood } from './helper.ts';\nconst text: string = greet('module', Mood.Good);\nconsole.log(text);";
    expect(await session.ok('execute_code', { code })).toMatchObject({
      exitCode: 0,
      stdout: 'hello module Good\n',
      stderr: '',
    });
  });

  it('runs in /workspace, where it finds and leaves files of its own', async () => {
    const session = await server.session({ language: 'go' });
    await session.ok('write_file', { path: 'in.txt', content: 'from a file' });
    const code = go(
      '\tall, _ := os.ReadFile("in.txt")\n\tos.WriteFile("out.txt", []byte(strings.ToUpper(string(all))), 0o644)',
      'os',
      'strings',
    );
    await session.ok('execute_code', { code });
    expect(await session.ok('read_file', { path: 'out.txt' })).toMatchObject({ content: 'FROM A FILE' });
  });

  it('runs code of 3 MB', async () => {
    const session = await server.session();
    const code = `#${'x'.repeat(3_000_000)}\nprint('long')`;
    expect(await session.ok('execute_code', { code })).toMatchObject({ exitCode: 0, stdout: 'long\n' });
  });

  it('refuses a language that is not in the session', async () => {
    const session = await server.session();
    const reply = await session.do('execute_code', { code: '', language: 'go' });
    expect(reply).toMatchObject({ success: false, errorCode: 'unsupported_language', result: null });
    expect(reply.error).toMatch(/go/);
  });
});

describe('what programs of every day do', () => {
  it('works in Python: processes, threads, temporary files, a database, sockets of its own', async () => {
    const session = await server.session();
    const code = `
import multiprocessing, socket, sqlite3, subprocess, tempfile, threading
def square(n):
    return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, range(4)))
    with tempfile.NamedTemporaryFile('w+') as file:
        file.write('temporary'); file.seek(0)
        print(file.read())
    with sqlite3.connect('data.db') as database:
        database.execute('create table t (n integer)')
        database.executemany('insert into t values (?)', [(n,) for n in range(10)])
        print(database.execute('select sum(n) from t').fetchone()[0])
    print(subprocess.run('echo $((6 * 7)) | cat', shell=True, capture_output=True, text=True).stdout, end='')
    server = socket.create_server(('127.0.0.1', 0))
    thread = threading.Thread(target=lambda: server.accept()[0].sendall(b'over the loopback'))
    thread.start()
    print(socket.create_connection(server.getsockname()).recv(100).decode())
    thread.join()
`;
    expect(await session.ok('execute_code', { code })).toMatchObject({
      stderr: '',
      stdout: '[0, 1, 4, 9]\ntemporary\n45\n42\nover the loopback\n',
      exitCode: 0,
    });
  });

  it('works in Node: workers, child processes, a server of its own, compression', async () => {
    const session = await server.session({ language: 'nodejs' });
    const code = `
const { Worker } = require('node:worker_threads');
const { execFileSync } = require('node:child_process');
const { createServer } = require('node:http');
const { gunzipSync, gzipSync } = require('node:zlib');
(async () => {
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(6 * 7)", { eval: true });
  console.log(await new Promise((resolve) => worker.once('message', resolve)));
  console.log(execFileSync('sh', ['-c', 'echo child']).toString().trim());
  console.log(gunzipSync(gzipSync('zipped')).toString());
  const server = createServer((_, response) => response.end('over the loopback')).listen(0, '127.0.0.1', async () => {
    console.log(await (await fetch('http://127.0.0.1:' + server.address().port)).text());
    server.close();
  });
})();
`;
    expect(await session.ok('execute_code', { code })).toMatchObject({
      stderr: '',
      stdout: '42\nchild\nzipped\nover the loopback\n',
      exitCode: 0,
    });
  });

  it('works in Go: goroutines, commands, a server of its own', async () => {
    const session = await server.session({ language: 'go' });
    const code = go(
      `\tsum := make(chan int)
\tfor i := 1; i <= 4; i++ {
\t\tgo func(n int) { sum <- n * n }(i)
\t}
\ttotal := 0
\tfor i := 0; i < 4; i++ {
\t\ttotal += <-sum
\t}
\tfmt.Println(total)
\tout, _ := exec.Command("sh", "-c", "echo child").Output()
\tfmt.Print(string(out))
\tserver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "over the loopback") }))
\tdefer server.Close()
\tanswer, err := http.Get(server.URL)
\tif err != nil {
\t\tpanic(err)
\t}
\tbody, _ := io.ReadAll(answer.Body)
\tfmt.Println(string(body))`,
      'fmt',
      'io',
      'net/http',
      'net/http/httptest',
      'os/exec',
    );
    expect(await session.ok('execute_code', { code })).toMatchObject({
      stderr: '',
      stdout: '30\nchild\nover the loopback\n',
      exitCode: 0,
    });
  });

  it('works in C#: tasks, threads, a process, files', async () => {
    const session = await server.session({ language: 'csharp' });
    const code =
      cs(`        var squares = System.Threading.Tasks.Task.WhenAll(Enumerable.Range(1, 4).Select(n => System.Threading.Tasks.Task.Run(() => n * n))).Result;
        Console.WriteLine(squares.Sum());
        var start = new System.Diagnostics.ProcessStartInfo("sh", "-c \\"echo child\\"") { RedirectStandardOutput = true };
        using (var child = System.Diagnostics.Process.Start(start)) { Console.Write(child.StandardOutput.ReadToEnd()); child.WaitForExit(); }
        System.IO.File.WriteAllText("file.txt", "from a file");
        Console.WriteLine(System.IO.File.ReadAllText("/workspace/file.txt"));
        return 0;`);
    expect(await session.ok('execute_code', { code })).toMatchObject({
      stderr: '',
      stdout: '30\nchild\nfrom a file\n',
      exitCode: 0,
    });
  });
});
