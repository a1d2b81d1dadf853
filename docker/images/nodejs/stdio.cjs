// Loaded before every program (NODE_OPTIONS of the image): its output waits for whoever reads it, as in other languages.
// Into a pipe Node writes only what fits and puts off the rest, which process.exit and a crash then lose. Children are
// meant as well: they lose theirs in the same way, and one that shares its parent's pipe sets it back for both.
'use strict';

for (const name of ['stdout', 'stderr']) {
  const own = Object.getOwnPropertyDescriptor(process, name);
  if (!own?.get || !own.configurable) continue;
  // When it is first wanted: to make the streams takes longer than all the rest here.
  Object.defineProperty(process, name, {
    ...own,
    get() {
      Object.defineProperty(process, name, own);
      const stream = process[name];
      stream._handle?.setBlocking?.(true);
      return stream;
    },
  });
}
delete require.cache[__filename];
