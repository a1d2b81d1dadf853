import { describe, expect, it } from 'vitest';

import { applyHunks } from './apply-hunks.js';
import { parsePatch, PatchSyntaxError } from './parse-patch.js';

const hunksOf = (...lines: string[]) => parsePatch(['--- a/x', '+++ b/x', ...lines].join('\n'))[0]?.hunks ?? [];
const apply = (text: string, ...lines: string[]) => applyHunks(text, hunksOf(...lines));

const ONE = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n';

describe('parsePatch', () => {
  it('passes over the words of a mail before its files, and the signature behind them', () => {
    const mail = `From 1 Mon Sep 17\nSubject: x\n\n- why\n+ what\n---\n x | 2 +-\n\ndiff --git a/x b/x\nindex 1..2 100644\n`;
    expect(parsePatch(`${mail}${ONE}-- \n2.39.5\n\n - more\n`)).toHaveLength(1);
  });

  it('reads files, hunks and their names without the first directory', () => {
    const files = parsePatch(
      `diff --git a/lib/x.py b/lib/x.py
index 1..2 100644
--- a/lib/x.py\t2026-01-01 00:00:00
+++ b/lib/x.py\t2026-01-01 00:00:00
@@ -1 +1,2 @@ def f():
-a
+b
+--- c
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+one
\\ No newline at end of file
`,
    );
    expect(files).toMatchObject([
      { oldPath: 'lib/x.py', newPath: 'lib/x.py', hunks: [{ oldStart: 1, lines: ['-a', '+b', '+--- c'] }] },
      { oldPath: null, newPath: 'new', hunks: [{ oldStart: 0, lines: ['+one'], newLacksNewline: true }] },
    ]);
  });

  it.each([
    ['', 'names no file'],
    ['hello\n', 'names no file'],
    ['@@ -1 +1 @@\n-a\n+b\n', 'line 1: a hunk without'],
    ['--- a/x\n+++ b/x\nrest\n', 'line 3: a hunk is expected'],
    ['--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-a\n', 'shorter than it says'],
    ['--- /dev/null\n+++ /dev/null\n@@ -1 +1 @@\n', 'without a name'],
    [`${ONE}@@ -5,2 broken\n a\n-x\n+Z\n`, 'line 6: no hunk header'],
    [`${ONE}-x\n+Z\n`, 'line 6: the hunk before it is longer than it says'],
    [`${ONE}\n+Z\n`, 'line 7: the hunk before it is longer than it says'],
    [`${ONE}diff --git a/b b/c\nsimilarity index 100%\nrename from b\nrename to c\n`, 'line 8: only changes of lines'],
    [`diff --git a/m b/m\nold mode 100644\nnew mode 100755\n${ONE}`, 'line 2: only changes of lines'],
    [`diff --git a/x b/x\nnew file mode 100755\n${ONE}`, 'line 2: only changes of lines'],
    [`diff --git a/x b/x\nnew file mode 100644\nindex 0..e\ndiff --git a/x b/x\n${ONE}`, 'line 1: it names no file'],
    [`${ONE}diff --git a/b b/b\ndeleted file mode 100644\nindex e..0\n`, 'line 6: it names no file'],
    [`${ONE}diff --git a/b b/b\nindex 1..2\nGIT binary patch\nliteral 1\n`, 'line 8: only changes of lines'],
  ])('refuses %j', (text, message) => {
    expect(() => parsePatch(text)).toThrow(PatchSyntaxError);
    expect(() => parsePatch(text)).toThrow(message);
  });
});

describe('applyHunks', () => {
  it('replaces, adds and removes lines', () => {
    expect(apply('a\nb\nc\n', '@@ -1,3 +1,3 @@', ' a', '-b', '+B', ' c')).toEqual({ text: 'a\nB\nc\n', rejected: [] });
    expect(apply('a\nc\n', '@@ -1,0 +2 @@', '+b').text).toBe('a\nb\nc\n');
    expect(apply('a\nb\n', '@@ -1 +0,0 @@', '-a').text).toBe('b\n');
    expect(apply('', '@@ -0,0 +1,2 @@', '+a', '+b').text).toBe('a\nb\n');
    expect(apply('a\n', '@@ -1 +0,0 @@', '-a').text).toBe('');
  });

  it('finds hunks that have moved, each behind the one before it', () => {
    const text = `${'x\n'.repeat(20)}a\nb\n${'x\n'.repeat(20)}a\nb\n`;
    const { text: patched, rejected } = apply(
      text,
      '@@ -1,2 +1,2 @@',
      ' a',
      '-b',
      '+1',
      '@@ -3,2 +3,2 @@',
      ' a',
      '-b',
      '+2',
    );

    expect(rejected).toEqual([]);
    expect(patched).toBe(`${'x\n'.repeat(20)}a\n1\n${'x\n'.repeat(20)}a\n2\n`);
  });

  it('rejects what is nowhere, and applies the rest', () => {
    const { text, rejected } = apply('a\nb\nc\n', '@@ -1 +1 @@', '-z', '+y', '@@ -3 +3 @@', '-c', '+C');

    expect(text).toBe('a\nb\nC\n');
    expect(rejected).toMatchObject([{ lines: ['-z', '+y'] }]);
  });

  it('minds the newline at the end of a file', () => {
    const mark = '\\ No newline at end of file';
    expect(apply('a', '@@ -1 +1 @@', '-a', mark, '+b', mark).text).toBe('b');
    expect(apply('a', '@@ -1 +1 @@', '-a', mark, '+b').text).toBe('b\n');
    expect(apply('a\n', '@@ -1 +1 @@', '-a', '+b', mark).text).toBe('b');
    expect(apply('a\n', '@@ -1 +1 @@', '-a', mark, '+b').rejected).toHaveLength(1);
    expect(apply('a\nb', '@@ -1 +1 @@', '-a', '+A').text).toBe('A\nb');
  });

  it('leaves carriage returns where they are', () => {
    expect(apply('a\r\nb\r\n', '@@ -1 +1 @@', '-a\r', '+A\r').text).toBe('A\r\nb\r\n');
  });
});
