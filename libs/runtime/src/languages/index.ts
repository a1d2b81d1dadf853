import { dotnet } from './dotnet.js';
import { go } from './go.js';
import type { Language } from './language.js';
import { nodejs } from './nodejs.js';
import { pythonData } from './python-data.js';
import { python } from './python.js';

/** Every language, in the order in which clients see them. A new one is a file here and a line in this list. */
export const LANGUAGES: readonly Language[] = [python, pythonData, nodejs, go, dotnet];

/** The language of a name or alias, in any case; undefined when there is none. */
export function findLanguage(nameOrAlias: string): Language | undefined {
  const wanted = nameOrAlias.toLowerCase();
  return LANGUAGES.find(({ name, aliases }) => name === wanted || aliases.includes(wanted));
}
