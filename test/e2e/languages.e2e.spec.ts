import { describe, expect, it } from 'vitest';

import { docker } from '../support/leftovers.js';
import { cs, go } from '../support/programs.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const server = useServer();

const UNICODE = 'héllo wörld, 日本語, 🚀';
const ARGS = ['plain', 'two words', '', '$HOME;"quoted"', UNICODE];

const NAMES: Record<string, string[]> = {
  python: ['py', 'python3'],
  'python-data': [],
  nodejs: ['javascript', 'js', 'node', 'typescript', 'ts'],
  go: ['golang'],
  dotnet: ['csharp', 'cs', 'c#'],
};

interface Program {
  /** What the test is called by. */
  readonly name: string;
  /** What the session is made with. */
  readonly language: string;
  /** What the command itself asks for, if anything. */
  readonly command?: { readonly language: string };
  /** Prints `hello`. */
  readonly hello: string;
  /** Prints its stdin in capitals. */
  readonly stdin: string;
  /** Prints its arguments, each between brackets. */
  readonly args: string;
  /** Prints `before` and exits with 3. */
  readonly exits3: string;
  /** Cannot be compiled, or parsed. */
  readonly broken: string;
  readonly diagnostics: readonly RegExp[];
  readonly unicode: string;
  /** Prints `running` and never ends. */
  readonly endless: string;
}

const typescript = {
  hello: [
    'enum Colour { Red = 1, Green }',
    'interface Named { readonly name: string }',
    'namespace Words { export const hello: string = "hello"; }',
    'class Greeter implements Named {',
    '  constructor(public readonly name: string, private readonly colour: Colour) {}',
    '  greet<T extends Named>(other?: T): string { return this.colour === Colour.Green ? Words.hello : other!.name; }',
    '}',
    'console.log(new Greeter("me" as string, Colour.Green).greet<Named>());',
  ].join('\n'),
  stdin:
    "import { readFileSync } from 'node:fs';\nconst text: string = readFileSync(0, 'utf8');\nprocess.stdout.write(text.toUpperCase());",
  args: "const args: string[] = process.argv.slice(2);\nconsole.log(args.map((arg: string): string => `[${arg}]`).join(''));",
  exits3: "const code: number = 3;\nconsole.log('before');\nprocess.exitCode = code;",
  broken: 'const x: = 1;\n',
  diagnostics: [/SyntaxError|ERR_INVALID_TYPESCRIPT_SYNTAX/],
  unicode: `const text: string = ${JSON.stringify(UNICODE)};\nconsole.log(text);`,
  endless: "console.log('running' as string);\nsetInterval((): void => {}, 1000);",
};

const PROGRAMS: Program[] = [
  {
    name: 'Python',
    language: 'python',
    hello: "print('hello')",
    stdin: 'import sys\nsys.stdout.write(sys.stdin.read().upper())',
    args: "import sys\nprint(''.join(f'[{arg}]' for arg in sys.argv[1:]))",
    exits3: "import sys\nprint('before')\nsys.exit(3)",
    broken: 'print("never")\nx = = 1\n',
    diagnostics: [/SyntaxError/, /line 2/],
    unicode: `print(${JSON.stringify(UNICODE)})`,
    endless: "import time\nprint('running', flush=True)\ntime.sleep(3600)",
  },
  {
    name: 'JavaScript',
    language: 'nodejs',
    hello: "console.log('hello');",
    stdin: "process.stdout.write(require('node:fs').readFileSync(0, 'utf8').toUpperCase());",
    args: "console.log(process.argv.slice(2).map((arg) => `[${arg}]`).join(''));",
    exits3: "console.log('before');\nprocess.exitCode = 3;",
    broken: "console.log('never');\nconst x = ;\n",
    diagnostics: [/SyntaxError/, /:2\b/],
    unicode: `console.log(${JSON.stringify(UNICODE)});`,
    endless: "console.log('running');\nsetInterval(() => {}, 1000);",
  },
  { name: 'TypeScript in a session of that name', language: 'typescript', ...typescript },
  {
    name: 'TypeScript asked for by the command',
    language: 'nodejs',
    command: { language: 'typescript' },
    ...typescript,
  },
  {
    name: 'Go',
    language: 'go',
    hello: go('\tfmt.Println("hello")', 'fmt'),
    stdin: go(
      '\tall, _ := io.ReadAll(os.Stdin)\n\tos.Stdout.WriteString(strings.ToUpper(string(all)))',
      'io',
      'os',
      'strings',
    ),
    args: go('\tfor _, arg := range os.Args[1:] {\n\t\tfmt.Printf("[%s]", arg)\n\t}\n\tfmt.Println()', 'fmt', 'os'),
    exits3: go('\tfmt.Println("before")\n\tos.Exit(3)', 'fmt', 'os'),
    broken: 'package main\n\nfunc main() {\n\tx := 1\n}\n',
    diagnostics: [/main\.go:4/, /declared and not used/],
    unicode: go(`\tfmt.Println(${JSON.stringify(UNICODE)})`, 'fmt'),
    endless: go('\tfmt.Println("running")\n\ttime.Sleep(time.Hour)', 'fmt', 'time'),
  },
  {
    name: 'C#',
    language: 'csharp',
    hello: cs('        Console.WriteLine("hello");\n        return 0;'),
    stdin: cs('        Console.Write(Console.In.ReadToEnd().ToUpperInvariant());\n        return 0;'),
    args: cs('        Console.WriteLine(string.Concat(args.Select(arg => $"[{arg}]")));\n        return 0;'),
    exits3: cs('        Console.WriteLine("before");\n        return 3;'),
    broken: cs('        int x = "text";\n        return x;'),
    diagnostics: [/Program\.cs\(8,\d+\)/, /CS0029/],
    unicode: cs(`        Console.WriteLine(${JSON.stringify(UNICODE)});\n        return 0;`),
    endless: cs(
      '        Console.WriteLine("running");\n        System.Threading.Thread.Sleep(3600000);\n        return 0;',
    ),
  },
];

describe('languages', () => {
  it('are listed with all names of the contract, each of them available', async () => {
    const { languages } = await server.client.call('language.list');
    expect(Object.fromEntries(languages.map(({ name, aliases }: any) => [name, aliases]))).toEqual(NAMES);
    for (const language of languages) {
      expect(language).toMatchObject({
        available: true,
        image: expect.stringMatching(/^codebeaker-/),
        defaultFile: expect.stringMatching(/\./),
        interpreter: expect.any(Boolean),
      });
      expect(language).toHaveProperty('version');
    }
  });

  const hello: Record<string, string> = {
    python: "print('hello')",
    'python-data': "print('hello')",
    nodejs: "console.log('hello')",
    go: go('\tfmt.Println("hello")', 'fmt'),
    dotnet: cs('        Console.WriteLine("hello");\n        return 0;'),
  };
  const aliases = Object.entries(NAMES).flatMap(([name, others]) =>
    [name, ...others].map((alias) => ({ alias, code: alias === name ? hello[name] : undefined })),
  );

  it.each(aliases)('can be asked for as $alias, and are reported so', async ({ alias, code }) => {
    const session = await server.session({ language: alias });
    expect(session.created.language).toBe(alias);
    expect(await server.client.call('session.get', { sessionId: session.id })).toMatchObject({ language: alias });
    const { sessions } = await server.client.call('session.list', { language: alias });
    expect(sessions.find(({ sessionId }: any) => sessionId === session.id)).toMatchObject({ language: alias });
    if (code === undefined) {
      // The same image as the language's own name leads to, where the code was run.
      const { languages } = await server.client.call('language.list');
      const { image } = languages.find(({ aliases }: any) => aliases.includes(alias));
      expect((await docker().getContainer(session.containerId).inspect()).Config.Image).toBe(image);
    } else {
      expect(await session.ok('execute_code', { code, timeoutMs: 100_000 })).toMatchObject({
        exitCode: 0,
        stdout: 'hello\n',
      });
    }
    await session.close();
  });

  it('run code by the alias execute too', async () => {
    const session = await server.session();
    expect(await session.ok('execute', { code: hello['python'] })).toMatchObject({ stdout: 'hello\n' });
    await session.close();
  });

  it('that do not exist are refused with the names of those that do', async () => {
    expect(await server.client.refusal('session.create', { language: 'cobol' })).toMatchObject({
      code: -32007,
      data: { reason: 'unsupported_language', supported: Object.keys(NAMES) },
    });
  });
});

it('execute_code in Go says what a file is not that is no program', async () => {
  const session = await server.session({ language: 'go' });

  expect(await session.ok('execute_code', { code: 'package foo\n\nfunc main() {}\n' })).toMatchObject({
    endReason: 'exited',
    phase: 'build',
    exitCode: 1,
    stderr: expect.stringContaining('main package') as string,
  });
});

describe.each(PROGRAMS)('execute_code in $name', (program) => {
  let made: Promise<TestSession> | undefined;
  const session = (): Promise<TestSession> => (made ??= server.session({ language: program.language }));
  const execute = async (code: string, more: object = {}): Promise<any> =>
    (await session()).ok('execute_code', { code, ...program.command, ...more });

  it('runs the code', async () => {
    const result = await execute(program.hello);
    expect(result).toMatchObject({
      exitCode: 0,
      stdout: 'hello\n',
      stderr: '',
      endReason: 'exited',
      signal: null,
      stdoutBytes: 6,
      stderrBytes: 0,
      truncated: false,
      durationMs: expect.any(Number),
      cpuMs: expect.any(Number),
      maxRssBytes: expect.any(Number),
    });
  });

  it('gives it stdin', async () => {
    expect(await execute(program.stdin, { stdin: 'first\nsecond' })).toMatchObject({ stdout: 'FIRST\nSECOND' });
  });

  it('lets it see an end of file where no stdin is given', async () => {
    expect(await execute(program.stdin)).toMatchObject({ exitCode: 0, stdout: '' });
  });

  it('gives it its arguments as they are', async () => {
    expect(await execute(program.args, { args: ARGS })).toMatchObject({
      stdout: `${ARGS.map((arg) => `[${arg}]`).join('')}\n`,
    });
  });

  it('reports its exit code', async () => {
    expect(await execute(program.exits3)).toMatchObject({ exitCode: 3, stdout: 'before\n', endReason: 'exited' });
  });

  it('shows the diagnostics of code that cannot be compiled, and runs none of it', async () => {
    const result = await execute(program.broken);
    expect(result.exitCode).toBeGreaterThan(0);
    expect(result.stdout).toBe('');
    for (const diagnostic of program.diagnostics) expect(result.stderr).toMatch(diagnostic);
  });

  it('hands on output beyond ASCII unharmed', async () => {
    const result = await execute(program.unicode);
    expect(result.stdout).toBe(`${UNICODE}\n`);
    expect(result.stdoutBytes).toBe(Buffer.byteLength(result.stdout));
  });

  it('runs several at the same time without their meeting', async () => {
    const words = ['one', 'two', 'three'];
    const results = await Promise.all(words.map((word) => execute(program.args, { args: [word] })));
    expect(results.map(({ stdout }) => stdout)).toEqual(words.map((word) => `[${word}]\n`));
  });

  it('leaves no file behind, however the code ends', async () => {
    const own = await server.session({ language: program.language });
    const command = { ...program.command };
    const before = await everything(own);
    await own.ok('execute_code', { code: program.hello, ...command });
    await own.ok('execute_code', { code: program.broken, ...command });
    expect(await own.do('execute_code', { code: program.endless, timeoutMs: 150, ...command })).toMatchObject({
      success: false,
      errorCode: 'timed_out',
    });
    const running = own.stream('execute_code', { code: program.endless, ...command });
    await written(server.client, running.id, 'running');
    server.client.notify('$/cancelRequest', { id: running.id });
    await expect(running.result).rejects.toMatchObject({ code: -32800 });
    expect(await everything(own)).toEqual(before);
    await own.close();
  });
});

/** Every path that a program of the session can write to, hidden ones too. */
async function everything(session: TestSession): Promise<string[]> {
  const listed = await Promise.all(
    ['/workspace', '/tmp', '/dev/shm'].map((path) =>
      session.ok('list_directory', { path, recursive: true, includeHidden: true, limit: 10_000 }),
    ),
  );
  return listed.flatMap(({ entries }) => entries.map(({ path }: any) => path));
}
