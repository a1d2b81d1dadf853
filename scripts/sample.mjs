// The README's conversation, against a running server: node scripts/sample.mjs [ws://host:port/ws/jsonrpc]
import { once } from 'node:events';
import process from 'node:process';
import { WebSocket } from 'ws';

const url = process.argv[2] ?? 'ws://127.0.0.1:5000/ws/jsonrpc';
const socket = new WebSocket(url);
await once(socket, 'open');

let id = 0;
const pending = new Map();
socket.on('message', (data) => {
  const reply = JSON.parse(data.toString());
  const waiting = pending.get(reply.id);
  pending.delete(reply.id);
  if (reply.error) waiting?.reject(new Error(`${reply.error.message} (${reply.error.data.reason})`));
  else waiting?.resolve(reply.result);
});

function call(method, params) {
  id += 1;
  const request = { jsonrpc: '2.0', id, method, params };
  console.log(`→ ${JSON.stringify(request)}`);
  socket.send(JSON.stringify(request));
  return new Promise((resolve, reject) => pending.set(id, { resolve, reject })).then((result) => {
    console.log(`← ${JSON.stringify(result)}`);
    return result;
  });
}

const { sessionId } = await call('session.create', { language: 'python' });
const execute = (command) => call('session.execute', { sessionId, command });

await execute({ type: 'write_file', path: '/workspace/script.py', content: 'x = 10\nprint(x * 2)' });
const run = await execute({ type: 'execute_shell', commandName: 'python3', args: ['/workspace/script.py'] });
await call('session.list', {});
await call('session.close', { sessionId });
socket.close();

if (run.result.stdout !== '20\n') {
  console.error(`the sample printed ${JSON.stringify(run.result.stdout)} instead of "20\\n"`);
  process.exit(1);
}
console.log(`\nThe sample printed: ${run.result.stdout.trim()}`);
