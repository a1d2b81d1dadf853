import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'cases');
const REQUIRED = ['number', 'title', 'tries', 'mustHappen', 'why', 'run'];

/** Every case, by number. Throws where one is not whole, or two have one number. */
export async function allCases() {
  const files = (await readdir(FOLDER, { recursive: true })).filter((file) => file.endsWith('.mjs'));
  const cases = await Promise.all(files.map(load));
  cases.sort((a, b) => a.number - b.number);
  for (const [index, { number, file }] of cases.entries()) {
    if (cases[index + 1]?.number === number) throw new Error(`${file} and ${cases[index + 1].file} are both ${number}`);
  }
  return cases;
}

async function load(file) {
  const parts = file.split(/[\\/]/);
  const attack = await import(new URL(`cases/${parts.join('/')}`, import.meta.url));
  const missing = REQUIRED.filter((name) => attack[name] === undefined);
  if (missing.length > 0) throw new Error(`${file} does not export ${missing.join(', ')}`);
  if (Number.parseInt(parts.at(-1), 10) !== attack.number) throw new Error(`${file} is number ${attack.number}`);
  return { ...attack, file, group: parts[0], folder: join(FOLDER, ...parts.slice(0, -1)) };
}

/**
 * @param only numbers and ranges, as in `3,17,40-43` @param group the name of a folder of cases
 * @param share `1/2`: of these every second one, from the first on; `2/2`: the others
 */
export function choose(cases, { only, group, share = '1/1' }) {
  const wanted = only?.split(',').map((part) => part.split('-').map(Number));
  if (wanted?.some((range) => range.length > 2 || range.some((number) => !Number.isInteger(number)))) {
    throw new Error(`--only takes numbers and ranges, as in 3,17,40-43, and not ${only}`);
  }
  const [which, shares] = share.split('/').map(Number);
  if (!(which >= 1 && which <= shares)) throw new Error(`--share takes one of several, as in 1/2, and not ${share}`);
  const chosen = cases
    .filter(
      (attack) =>
        (!wanted || wanted.some(([from, to = from]) => attack.number >= from && attack.number <= to)) &&
        (!group || attack.group === group),
    )
    .filter((_, index) => index % shares === which - 1);
  if (chosen.length === 0) throw new Error('there is no such case');
  return chosen;
}
