/** Tag of the images that tests run on, as `IMAGE_TAG` says it to scripts/images.sh and to servers. */
export const IMAGE_TAG = process.env['IMAGE_TAG'] ?? 'latest';

/** `imageOf('python')`: our image of that name. */
export function imageOf(name: string): string {
  return `codebeaker-${name}:${IMAGE_TAG}`;
}
