/** The words of a command line: options by their definition, and for a wrong one what to type instead. */
import { parseArgs } from 'node:util';
import { nearest } from '../nearest.js';

/** What was typed is wrong: the message says what to type instead. */
export class UsageError extends Error {}

export interface OptionDefinition {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
}

export type Definitions = Readonly<Record<string, OptionDefinition>>;

export interface Parsed {
  readonly positionals: readonly string[];
  /** Whether an option without a value was given. */
  has(name: string): boolean;
  /** The value of an option, the last one if there are several. */
  text(name: string): string | undefined;
  /** All values of an option. */
  texts(name: string): readonly string[];
  /** The value of an option as a number. */
  number(name: string, byDefault: number, bounds: Bounds): number;
}

interface Bounds {
  readonly min: number;
  readonly max?: number;
  readonly isWhole?: boolean;
}

/** @throws UsageError */
export function parse(args: readonly string[], options: Definitions): Parsed {
  // Not strict: parseArgs would say that an option is unknown, but not which was meant.
  const { tokens, positionals } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const definition = Object.hasOwn(options, name) ? options[name] : undefined;
    if (definition === undefined) {
      const instead = nearest(name, Object.keys(options));
      const question = instead === undefined ? '' : `: did you mean --${instead}?`;
      throw new UsageError(`There is no option ${rawName}${question}`);
    }
    if (definition.type === 'boolean' && token.inlineValue === true) throw new UsageError(`--${name} takes no value`);
    if (definition.type === 'string' && value === undefined) {
      throw new UsageError(`--${name} needs a value: --${name} VALUE, or --${name}=VALUE if it begins with a dash`);
    }
    values.set(name, [...(values.get(name) ?? []), value ?? '']);
  }
  return {
    positionals,
    has: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
    number(name, byDefault, { min, max = Infinity, isWhole = false }) {
      const text = values.get(name)?.at(-1);
      if (text === undefined) return byDefault;
      const number = text.trim() === '' ? NaN : Number(text);
      if (!(number >= min && number <= max) || (isWhole && !Number.isInteger(number))) {
        const kind = isWhole ? 'a whole number' : 'a number';
        const range = max === Infinity ? `from ${String(min)} on` : `from ${String(min)} to ${String(max)}`;
        throw new UsageError(`--${name} must be ${kind} ${range}, but is ${text}`);
      }
      return number;
    },
  };
}
