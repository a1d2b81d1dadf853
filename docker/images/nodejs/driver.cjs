// Keeps a JavaScript or TypeScript interpreter for one context: docs/contexts.md says what it promises, and how its
// channel speaks. The channel is descriptor 3, a socket that no child inherits. What programs print never goes there,
// and what is written there is never printed. Usage: node driver.cjs [typescript]
'use strict';

const { writeSync } = require('node:fs');
const { Socket } = require('node:net');

// What a cell makes of its globals is for its own use.
const { Array, Atomics, Buffer, Int32Array, JSON, Map, Math, Number, Object, Promise, Set } = globalThis;
const { String, Symbol, SyntaxError, Uint8Array, process } = globalThis;

const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.write('{"pong":0,"count":0}\n');

// A script that SIGINT may break needs Node's watchdog: a thread that each cell would start and join, with the signal's
// default, death, for a moment after it. A worker that always waits in such a script keeps the one watchdog alive. What
// breaks no running cell breaks that wait, and the worker tells which cell was meant. It waits in two of them, so that
// one signal upon another finds the outer one.
const { Worker } = require('node:worker_threads');
const current = new Int32Array(new SharedArrayBuffer(4));
const watch = new Worker(
  `const { parentPort, workerData } = require('node:worker_threads');
   const { Script } = require('node:vm');
   const wait = new Script('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)');
   globalThis.watch = () => {
     parentPort.postMessage(0);
     for (;;) try { wait.runInThisContext({ breakOnSigint: true }); } catch { parentPort.postMessage(workerData[0]); }
   };
   const guarded = new Script('watch()');
   for (;;) try { guarded.runInThisContext({ breakOnSigint: true }); } catch {}`,
  { eval: true, workerData: current },
);

const { createRequire, stripTypeScriptTypes } = require('node:module');
const { setTimeout: delay } = require('node:timers/promises');
const { inspect } = require('node:util');
const vm = require('node:vm');
const { parse } = require(process.env.CODEBEAKER_ACORN ?? '/usr/local/lib/node_modules/acorn');

const isTypeScript = process.argv[2] === 'typescript';
const WORKSPACE = '/workspace';
const LONGEST_MESSAGE = 100_000;
/** How much later than a child the interpreter may notice an interrupt, which must not break the next cell then. */
const LONGEST_LAG_MS = 100;
/** A longer string is shown as a literal of JSON: `inspect` takes seconds for megabytes. */
const LONGEST_INSPECTED = 65_536;
const PARSER_OPTIONS = {
  ecmaVersion: 'latest',
  sourceType: 'script',
  allowAwaitOutsideFunction: true,
  allowImportExportEverywhere: true,
};
/** What code has that is more than expressions, one after the other, or that has to be changed. */
const MORE_THAN_EXPRESSIONS =
  /[{};:]|\b(?:await|break|class|const|continue|debugger|do|export|for|function|if|import|let|return|switch|throw|try|var|while|with)\b/;
const REPRS = {
  'text/html': '_repr_html_',
  'text/markdown': '_repr_markdown_',
  'text/latex': '_repr_latex_',
  'image/svg+xml': '_repr_svg_',
  'image/png': '_repr_png_',
  'image/jpeg': '_repr_jpeg_',
  'application/json': '_repr_json_',
};
const { stringify } = JSON;

// Node puts off what does not fit into a pipe; then a cell's reply would overtake its output, and an exit lose it.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

/** The cell that runs: its id, what its results may still take, and how it is interrupted. */
let cell;
let count = 0;

// -- results

/** The JSON of one representation; undefined where it cannot be told. */
function asText(mime, data) {
  if (data instanceof Uint8Array) return stringify(Buffer.from(data).toString('base64'));
  if (typeof data === 'string') return stringify(data);
  if (mime !== 'application/json' && !mime.endsWith('+json')) return undefined;
  return seen(() => stringify(data), undefined);
}

/** Every rich representation that the object offers. One that fails is not offered. */
function* representations(value) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return;
  for (const name of [Symbol.for('Jupyter.display'), '_repr_mimebundle_']) {
    const bundle = offered(value, name);
    if (typeof bundle === 'object' && bundle !== null) yield* Object.entries(bundle);
  }
  for (const [mime, name] of Object.entries(REPRS)) {
    const data = offered(value, name);
    if (data !== undefined && data !== null) yield [mime, data];
  }
}

function offered(value, name) {
  return seen(() => (typeof value[name] === 'function' ? value[name]() : undefined), undefined);
}

/** What a look at something of a cell's gives, which may throw. */
function seen(look, otherwise) {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** A message with all representations, the text first. What does not fit is left out, and it says so; then no more. */
function resultOf({ id, budget }, value) {
  if (budget.isSpent) return '';
  budget.room -= `{"id":${id},"result":{"text/plain":}}\n`.length;
  let truncated = false;
  const offers = [...representations(value)];
  const [, own] = offers.find(([mime, data]) => mime === 'text/plain' && typeof data === 'string') ?? [];
  const shown = own ?? shownWithin(value, Math.max(0, budget.room));
  let text = stringify(shown);
  if (Buffer.byteLength(text) > budget.room) {
    truncated = budget.isSpent = true;
    text = beginningOf(shown, budget.room);
  }
  const pieces = new Map([['text/plain', text]]);
  budget.room -= Buffer.byteLength(text);
  for (const [mime, data] of offers) {
    const piece = pieces.has(mime) ? undefined : asText(mime, data);
    if (piece === undefined) continue;
    const bytes = Buffer.byteLength(`,${stringify(mime)}:`) + Buffer.byteLength(piece);
    if (bytes > budget.room) {
      truncated = true;
      continue;
    }
    budget.room -= bytes;
    pieces.set(mime, piece);
  }
  const result = [...pieces].map(([mime, piece]) => `${stringify(mime)}:${piece}`).join(',');
  return `{"id":${id},"result":{${result}}${truncated ? ',"truncated":true' : ''}}\n`;
}

/** What a value looks like. A string of which no more than its beginning has room is cut before. */
function shownWithin(value, room) {
  if (typeof value === 'string' && value.length > LONGEST_INSPECTED) return stringify(value.slice(0, room));
  return inspect(value, { maxStringLength: room });
}

/** The JSON of as much of a text as takes no more than `room` bytes. */
function beginningOf(text, room) {
  let bytes = 2;
  let end = 0;
  for (let step = 65_536; step >= 1; ) {
    const more = Buffer.byteLength(stringify(text.slice(end, end + step))) - 2;
    if (end < text.length && bytes + more <= room) {
      bytes += more;
      end += step;
    } else {
      step = Math.floor(step / 2);
    }
  }
  // No half of a character.
  return stringify(text.slice(0, end).replace(/[\ud800-\udbff]$/, ''));
}

/** Shows values as the last expression of a cell is shown, as results of their own. */
function display(...values) {
  if (cell) for (const value of values) channel.write(resultOf(cell, value));
}

/** What was thrown, which may be anything, and may throw when it is looked at. */
function errorOf(thrown) {
  const isError = seen(() => typeof thrown === 'object' && thrown !== null && 'message' in thrown, false);
  const text = seen(() => inspect(thrown), 'its description failed');
  const traceback = text
    .split('\n')
    .filter((line) => !/^\s+at .*(node:|codebeaker\/driver\.cjs)/.test(line))
    .join('\n');
  return {
    name: isError ? seen(() => String(thrown.name ?? 'Error'), 'Error') : typeof thrown,
    message: seen(() => (isError ? String(thrown.message) : text), '').slice(0, LONGEST_MESSAGE),
    traceback: traceback.slice(0, LONGEST_MESSAGE),
  };
}

// -- code: whatever a cell declares at its top must be there in the next one, and may be declared again there

/** Changes to a text by places in the original. */
class Edits {
  #edits = [];

  constructor(text) {
    this.text = text;
  }

  replace(start, end, by) {
    this.#edits.push({ start, end, by, order: this.#edits.length });
  }

  insert(at, text) {
    this.replace(at, at, text);
  }

  get result() {
    let result = '';
    let at = 0;
    for (const { start, end, by } of this.#edits.sort((a, b) => a.start - b.start || a.order - b.order)) {
      result += this.text.slice(at, start) + by;
      at = end;
    }
    return result + this.text.slice(at);
  }
}

/** The names that a pattern binds. */
function namesOf(pattern) {
  switch (pattern?.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => namesOf(property.value ?? property.argument));
    case 'ArrayPattern':
      return pattern.elements.flatMap(namesOf);
    case 'AssignmentPattern':
      return namesOf(pattern.left);
    case 'RestElement':
      return namesOf(pattern.argument);
    default:
      return [];
  }
}

/** Visits nodes, not those inside functions, with their parents. */
function walk(node, parent, visit) {
  if (parent && /Function|StaticBlock|PropertyDefinition/.test(node.type)) return;
  visit(node, parent);
  for (const child of Object.values(node)) {
    for (const each of Array.isArray(child) ? child : [child]) {
      if (typeof each?.type === 'string') walk(each, node, visit);
    }
  }
}

/** What the transformation of a namespace puts at the end of the code. */
function isBare({ type, kind, declarations }) {
  return type === 'VariableDeclaration' && kind === 'var' && declarations.every(({ init }) => !init);
}

function awaits(program) {
  let found = false;
  walk(program, null, ({ type, await: isAwait }) => {
    found ||= type === 'AwaitExpression' || type === 'ImportDeclaration' || (type === 'ForOfStatement' && isAwait);
  });
  return found;
}

/** A script whose completion value is the cell's, or a promise of it. */
function compile(code) {
  const source = stripped(code);
  // Parsing takes longer than all else here.
  if (!MORE_THAN_EXPRESSIONS.test(source)) return { script: scriptOf(source), isAsync: false, hasValue: true };
  let program;
  try {
    program = parse(source, PARSER_OPTIONS);
  } catch (error) {
    // The engine explains it better, unless only our rules are broken.
    if (!/await|import|export/.test(source)) scriptOf(source);
    throw new SyntaxError(error.message);
  }
  const last = program.body.findLast((node) => node.type !== 'EmptyStatement' && !(isTypeScript && isBare(node)));
  const value = last?.type === 'ExpressionStatement' ? last : undefined;
  const isAsync = awaits(program);
  const text = isAsync ? asynchronous(source, program, value) : synchronous(source, program);
  return { script: scriptOf(text), isAsync, hasValue: value !== undefined };
}

function scriptOf(text) {
  return new vm.Script(text, {
    filename: nameOfCell(),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** JavaScript, in which what begins as an object is one. */
function stripped(code) {
  if (/^\s*\{/.test(code)) {
    // Meant as an object, though a statement that begins so is a block.
    try {
      const text = withoutTypes(`(${code}\n)`);
      parse(text, PARSER_OPTIONS);
      return text;
    } catch {}
  }
  return withoutTypes(code);
}

function withoutTypes(code) {
  if (!isTypeScript) return code;
  try {
    return stripTypeScriptTypes(code, { mode: 'transform' });
  } catch ({ message, stack }) {
    const error = new SyntaxError(message);
    // Where it is stands in front of the stack, with no name of a file.
    const [, place = ''] = /^(:\d+\n[^]*?\n)\n?\w*Error\b/.exec(stack) ?? [];
    // A stack without a frame is shown in brackets; that of the driver is left out of tracebacks.
    const frame = '    at codebeaker/driver.cjs';
    error.stack = `${place === '' ? '' : `${nameOfCell()}${place}\n`}SyntaxError: ${message}\n${frame}`;
    throw error;
  }
}

function synchronous(source, program) {
  const edits = new Edits(source);
  for (const node of program.body) {
    if (node.type === 'VariableDeclaration' && node.kind !== 'var') {
      edits.replace(node.start, node.start + node.kind.length, 'var');
      for (const { init, end } of node.declarations) if (!init) edits.insert(end, ' = undefined');
    } else if (node.type === 'ClassDeclaration') {
      edits.insert(node.start, `var ${node.id.name} = `);
      edits.insert(node.end, ';');
    } else {
      refuseExport(node);
    }
  }
  return edits.result;
}

/**
 * The body becomes that of an async function, and its declarations assignments to globals.
 * @param value the statement whose value is the cell's
 */
function asynchronous(source, program, value) {
  const edits = new Edits(source);
  const names = new Set();
  const functions = [];
  let imports = '';
  if (source.startsWith('#!')) edits.replace(0, 2, '//');
  walk(program, null, (node, parent) => {
    const isTop = parent === program;
    if (node.type === 'VariableDeclaration' && (isTop || node.kind === 'var')) {
      const isLoop = /^For/.test(parent.type) && node !== parent.body;
      for (const { id } of node.declarations) for (const name of namesOf(id)) names.add(name);
      edits.replace(node.start, node.declarations[0].start, isLoop ? '' : 'void ');
      for (const { start, end, init } of node.declarations) {
        if (isLoop && !init) continue;
        edits.insert(start, '(');
        edits.insert(end, init ? ')' : node.kind === 'var' ? ')' : ' = undefined)');
      }
    } else if (node.type === 'ClassDeclaration' && isTop) {
      names.add(node.id.name);
      edits.insert(node.start, `;${node.id.name} = `);
      edits.insert(node.end, ';');
    } else if (node.type === 'ImportDeclaration') {
      imports += imported(node, names);
      edits.replace(node.start, node.end, '');
    } else if (isTop) {
      refuseExport(node);
    }
  });
  for (const { type, id } of program.body) if (type === 'FunctionDeclaration') functions.push(id.name);
  if (value) {
    edits.insert(value.start, ';return (');
    edits.insert(source[value.end - 1] === ';' ? value.end - 1 : value.end, ')');
  }
  const declared = [...names, ...functions];
  const head = declared.length > 0 ? `var ${declared.join(', ')}; ` : '';
  const hoisted = functions.map((name) => `globalThis.${name} = ${name}; `).join('');
  const directive = program.body.some((node) => node.directive === 'use strict') ? "'use strict'; " : '';
  return `${head}(async () => { ${directive}${hoisted}${imports}${edits.result}\n})()`;
}

function imported({ specifiers, source, attributes = [] }, names) {
  const options = attributes.map(({ key, value }) => `${stringify(key.name ?? key.value)}: ${value.raw}`).join(', ');
  const load = `await import(${source.raw}${options ? `, { with: { ${options} } }` : ''})`;
  for (const { local } of specifiers) names.add(local.name);
  const assignments = specifiers.map(({ type, local, imported: { name, value } = {} }) => {
    if (type === 'ImportNamespaceSpecifier') return `${local.name} = codebeaker$loaded`;
    const key = stringify(type === 'ImportDefaultSpecifier' ? 'default' : (name ?? value));
    const missing = stringify(`${source.raw} does not provide an export named ${key}`);
    return `if (!(${key} in codebeaker$loaded)) throw new SyntaxError(${missing}); ${local.name} = codebeaker$loaded[${key}]`;
  });
  return `{ const codebeaker$loaded = ${load}; ${assignments.join('; ')} } `;
}

function refuseExport({ type }) {
  if (type.startsWith('Export')) throw new SyntaxError('a cell cannot export: what it declares is there for the next one');
}

// -- cells

const nameOfCell = () => `cell ${count}`;

class Interrupted extends Error {
  name = 'Interrupted';
}

/** An interrupt that broke no script: code that awaits is told of it, by the listeners it has as well. */
function onInterrupt(meant) {
  if (meant !== count) return;
  cell?.interrupt();
  process.emit('SIGINT', 'SIGINT', 2);
}

/** No listener that a cell has or had takes the signal away from the watchdog. */
function keepInterrupts() {
  for (const event of ['newListener', 'removeListener']) {
    for (const listener of process.listeners(event)) {
      process.removeListener(event, listener);
      process.on(event, (name, ...more) => {
        if (name !== 'SIGINT') listener(name, ...more);
      });
    }
  }
}

const guard = new vm.Script(`this['codebeaker.begin']()`, { filename: __filename });
let beginning;
Object.defineProperty(globalThis, 'codebeaker.begin', { value: () => beginning() });

/** Runs a cell up to its end or its first await. From the word that it has started on, an interrupt breaks it. */
function begin(id, code) {
  let begun;
  beginning = () => {
    beginning = undefined;
    writeNow(`{"started":${id}}\n`);
    const { script, isAsync, hasValue } = compile(code);
    begun = { ran: script.runInThisContext(), isAsync, hasValue };
  };
  guard.runInThisContext({ breakOnSigint: true, displayErrors: false });
  return begun;
}

/** Without the stream, unless that holds something back: quick, and a break in the middle of it leaves no disorder. */
function writeNow(text) {
  const bytes = Buffer.from(text);
  let written = 0;
  if (channel.writableLength === 0) {
    try {
      written = writeSync(3, bytes);
    } catch {} // What is wrong with the channel, its stream will find.
  }
  if (written < bytes.length) channel.write(bytes.subarray(written));
}

async function execute(id, limit, code) {
  let last = '';
  let error = null;
  const stopped = new Promise((_, reject) => {
    cell = {
      id,
      budget: { room: limit, isSpent: false },
      interrupt: () => reject(new Interrupted('the code was interrupted while it awaited; what it awaited goes on')),
    };
  });
  stopped.catch(() => undefined);
  try {
    const { ran, isAsync, hasValue } = begin(id, code);
    const value = isAsync ? await Promise.race([ran, stopped]) : ran;
    if (hasValue && value !== undefined) {
      globalThis._ = value;
      last = resultOf(cell, value);
    }
  } catch (thrown) {
    const isBroken = seen(() => thrown?.code, undefined) === 'ERR_SCRIPT_EXECUTION_INTERRUPTED';
    error = errorOf(isBroken ? new Interrupted('the code was interrupted') : thrown);
    if (seen(() => thrown?.signal, undefined) === 'SIGINT') {
      await Promise.race([stopped, delay(LONGEST_LAG_MS)]).catch(() => undefined);
    }
  }
  cell = undefined;
  writeNow(`${last}${stringify({ done: id, count, error })}\n`);
}

async function obey(line) {
  const [verb, id, limit] = line.split(' ', 3);
  if (verb === 'ping') {
    channel.write(`{"pong":${Number(id)},"count":${count}}\n`);
  } else if (verb === 'execute') {
    let code;
    try {
      code = JSON.parse(line.slice(verb.length + id.length + limit.length + 3));
    } catch {
      return; // Half a line of a connection that broke.
    }
    count++;
    Atomics.store(current, 0, count);
    await execute(Number(id), Number(limit), code);
  }
}

function tell(thrown) {
  process.stderr.write(`${errorOf(thrown).traceback}\n`);
}

keepInterrupts();
process.on('uncaughtException', tell);
process.on('unhandledRejection', tell);
Object.assign(globalThis, {
  display,
  require: createRequire(`${WORKSPACE}/`),
  __dirname: WORKSPACE,
  __filename: `${WORKSPACE}/cell.js`,
});
process.argv.splice(1);

let rest = [];
let obeyed = new Promise((resolve) => {
  watch.once('message', () => {
    watch.on('message', onInterrupt).unref();
    resolve();
  });
});
channel.on('data', (data) => {
  const lines = data.toString('latin1').split('\n');
  rest.push(lines[0]);
  for (const next of lines.slice(1)) {
    const line = Buffer.from(rest.join(''), 'latin1').toString();
    obeyed = obeyed.then(() => obey(line)).catch(tell);
    rest = [next];
  }
});
channel.on('close', () => process.exit());
channel.on('error', () => process.exit());
