import { bytesOf } from '../../session.mjs';

export const number = 38;
export const title = 'forged frames, replies and markers';
export const tries =
  "writes the agent's preamble, HELLO, a RESPONSE of success for every exchange, JSON-RPC replies and prompts";
export const mustHappen =
  'all of it comes back as output, byte for byte, and the end told is the true one: exit code 7';
export const why = 'where control and output share a channel, a program can write its own result';

export async function run(ctx) {
  const name = await ctx.program('38-forged-frames.py');
  await ctx.keepUp(() => forge(ctx, name));
  await ctx.expectAlive();
  ctx.held('all of it was output, and the exit code 7');
}

async function forge(ctx, name) {
  const forged = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name] });
  const reply = await forged.result;
  const { exitCode, stdoutBase64, stdoutBytes } = ctx.expectEnd(reply, 'exited');
  ctx.expect(exitCode === 7, `it exited with ${exitCode}`);
  const bytes = bytesOf(forged);
  ctx.expect(bytes.length === stdoutBytes, `${stdoutBytes} bytes were written, and ${bytes.length} came`);
  ctx.expect(stdoutBase64 === bytes.toString('base64'), 'reply and stream differ');
  ctx.expect(bytes.includes('CODEBEAKER-AGT') && bytes.includes('CB.\n'), 'the forged frames did not come as output');
}
