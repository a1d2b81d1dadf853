import process from 'node:process';

import { outcomeOf } from '../../answers.mjs';
import { docker } from '../../../soak/host.mjs';

const AT_ONCE = 8;
const NAMES = [
  '',
  ' ',
  '-',
  '../../etc',
  'python; id',
  'python\nother',
  'alpine:latest',
  'codebeaker-agent',
  `sha256:${'0'.repeat(64)}`,
  'x'.repeat(5_000),
  '127.0.0.1:5000/image',
];

export const number = 84;
export const title = 'image that is missing, not allowed, or no name at all';
export const tries =
  'asks for sessions of images that are not there, come and go, are not allowed, or have hostile names';
export const mustHappen =
  'each is refused with its reason and nothing is left; what is there works, and sessions outlive the name of their image';
export const why = 'an image that anybody names is code of anybody, and a pull that hangs is a server that hangs';
export const session = null;

export async function run(ctx) {
  const image = `codebeaker-attack:${process.pid}`;
  const server = await ctx.ownServer({ ALLOWED_IMAGES: image });
  const client = await ctx.connect(server);
  const create = (dockerImage) => outcomeOf(client.call('session.create', { language: 'python', dockerImage }));

  const missing = await Promise.all(Array.from({ length: AT_ONCE }, () => create(image)));
  const wrong = missing.find(({ reason }) => reason !== 'image_unavailable');
  ctx.expect(wrong === undefined, `a missing image was answered ${JSON.stringify(wrong)}`);
  for (const name of NAMES) {
    const { reason, result } = await create(name);
    ctx.expect(
      reason === 'forbidden' || reason === 'invalid_params',
      `${JSON.stringify(name.slice(0, 40))} was answered ${reason ?? JSON.stringify(result)}`,
    );
  }
  await docker.getImage(`codebeaker-python:${process.env.IMAGE_TAG ?? 'latest'}`).tag(split(image));
  ctx.defer(() => untag(image));
  const made = await create(image);
  ctx.expect(made.result, `an image that is there now was answered ${made.reason}`);
  await untag(image);
  ctx.expect((await create(image)).reason === 'image_unavailable', 'an image that has gone was not missed');
  const command = { type: 'execute_code', code: 'print(1)' };
  const { result } = await client.call('session.execute', { sessionId: made.result.sessionId, command });
  ctx.expect(result?.stdout === '1\n', 'a session did not outlive the name of its image');
  ctx.expect((await create(undefined)).result, 'a session of the usual image could not be made');
  ctx.held(`${AT_ONCE} times missing, ${NAMES.length} names refused, used while it was there`);
}

function split(image) {
  const [repo, tag] = image.split(':');
  return { repo, tag };
}

/** Takes the name away; the image has another. */
async function untag(image) {
  await docker
    .getImage(image)
    .remove()
    .catch((error) => {
      if (error.statusCode !== 404) throw error;
    });
}
