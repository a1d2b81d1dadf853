/** A Go program with this body of `main`. */
export const go = (body: string, ...imports: string[]): string =>
  `package main\n\nimport (\n${imports.map((name) => `\t"${name}"\n`).join('')})\n\nfunc main() {\n${body}\n}\n`;
/** A C# program with this body of `Main`. */
export const cs = (body: string): string =>
  `using System;\nusing System.Linq;\n\nclass Program\n{\n    static int Main(string[] args)\n    {\n${body}\n    }\n}\n`;
