import { findLanguage, type Language, LANGUAGES } from '#libs/runtime';

import { list } from './env.js';

/** Languages that an interpreter can wait for. */
export const WITH_INTERPRETER = LANGUAGES.filter(({ interpreter }) => interpreter);

/** Comma-separated names or aliases, as the languages' own names; a word that is none stays, for the validation. */
export const languages = (text: string): string[] => namesOf(text, () => true);

/** The same; an alias that stands for another interpreter than its language's name does (`ts`) is none. */
export const interpreterLanguages = (text: string): string[] =>
  namesOf(text, ({ name, interpreter }, alias) => interpreter?.(alias) === interpreter?.(name));

function namesOf(text: string, isMeant: (language: Language, alias: string) => boolean): string[] {
  const names = list(text).map((word) => {
    const language = findLanguage(word);
    return language && isMeant(language, word.toLowerCase()) ? language.name : word;
  });
  return [...new Set(names)];
}
