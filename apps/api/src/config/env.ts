import 'reflect-metadata';

/** Where a setting comes from and what it is for. */
export interface EnvSetting {
  readonly name: string;
  readonly description: string;
  readonly parse: (text: string) => unknown;
  readonly empty: EmptyText;
}

/** What it means that the variable is there and has no text. */
export type EmptyText = 'is none' | 'is a value';

const SETTINGS = Symbol('config:settings');

/** Names a property's environment variable; the README's table is checked against these. */
export function Env(
  name: string,
  description: string,
  parse: (text: string) => unknown = (text) => text,
  empty: EmptyText = 'is none',
) {
  return (target: object, property: string): void => {
    const settings = envSettings(target);
    settings.set(property, { name, description, parse, empty });
    Reflect.defineMetadata(SETTINGS, settings, target);
  };
}

/** A config class's settings by property. */
export function envSettings(prototype: object): Map<string, EnvSetting> {
  return (Reflect.getMetadata(SETTINGS, prototype) as Map<string, EnvSetting> | undefined) ?? new Map();
}

/** Text that is no number becomes NaN, which the validation refuses by the variable's name. */
export const number = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

/** Comma-separated words. */
export const list = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** Any other word stays as it is, which the validation refuses. */
export const flag = (text: string): boolean | string => (text === 'true' ? true : text === 'false' ? false : text);
