import { machineLine } from '../machine.mjs';
import { HEADING, rowsOf } from './words.mjs';

const BEGIN = '<!-- bench: from here on written by `npm run bench -- --markdown` -->';
const END = '<!-- bench: end -->';

/** Puts the report's tables between the lines of a document that say where. */
export function intoDocument(document, report) {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the document has no place for the tables: "${BEGIN}" and "${END}"`);
  return `${document.slice(0, from)}${BEGIN}\n${markdown(report)}\n${document.slice(to)}`;
}

function markdown({ machine, startedAt, parts }) {
  const tables = parts.map((part) => `### ${part.title}\n${table([HEADING, ...rowsOf(part)])}`);
  return `${startedAt.slice(0, 10)}: ${machineLine(machine)}\n\n${tables.join('\n\n')}\n`;
}

function table(rows) {
  // Columns that say nothing in this table are left out.
  const columns = rows[0]
    .map((_, column) => column)
    .filter((column) => rows.slice(1).some((row) => row[column] !== ''));
  const lines = rows.map((row) => `| ${columns.map((column) => row[column].replaceAll('|', '\\|')).join(' | ')} |`);
  return [lines[0], `|${' --- |'.repeat(columns.length)}`, ...lines.slice(1)].join('\n');
}
