import type { Finding, Report } from '#libs/doctor';

const VERDICT_WIDTH = 9;
const TITLE_WIDTH = 24;
const DEFAULT_WIDTH = 120;
const MIN_TEXT_WIDTH = 40;

/** The report as lines for a person. @param columns of the terminal; 120 where there is none */
export function reportText(report: Report, columns = DEFAULT_WIDTH): string {
  const textWidth = Math.max(MIN_TEXT_WIDTH, columns - VERDICT_WIDTH - TITLE_WIDTH);
  const { ok, warn, fail, unknown } = report.totals;
  return [
    ...report.findings.flatMap((finding) => findingLines(finding, textWidth)),
    '',
    Object.entries(report.host)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
    `${ok} ok, ${warn} to mend, ${fail} failed, ${unknown} not known`,
    ...(report.escapes.length > 0 ? [`Known ways out of a sandbox: ${report.escapes.join(', ')}`] : []),
    '',
  ].join('\n');
}

function findingLines({ verdict, title, found, mend }: Finding, width: number): string[] {
  const label = verdict === 'fail' ? 'FAIL' : verdict;
  const text = [...wrap(found, width), ...(mend === '' ? [] : wrap(`→ ${mend}`, width))];
  return text.map((line, at) => {
    const head = at === 0 ? label.padEnd(VERDICT_WIDTH) + title.padEnd(TITLE_WIDTH) : '';
    return head.padEnd(VERDICT_WIDTH + TITLE_WIDTH) + line;
  });
}

/** Lines of at most `width` characters; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
