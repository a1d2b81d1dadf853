import type { Language } from './language.js';
import { python } from './python.js';

/** Python with numpy, pandas and matplotlib, in an image of its own, so that the plain one stays small. */
export const pythonData: Language = {
  ...python,
  name: 'python-data',
  aliases: [],
  image: 'codebeaker-python-data',
};
