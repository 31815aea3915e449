/** The words of a command line: options by their definition, and for a wrong one what to type instead. */
import { parseArgs } from 'node:util';

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

/** The known word that was probably meant: one that a few letters make of it, or that it begins. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  const [best] = known
    .map((each) => ({ each, distance: each.startsWith(lower) && lower.length > 1 ? 1 : editDistance(lower, each) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, word.length / 3) && word.length > 1 ? best.each : undefined;
}

/** How many letters have to be added, left out, changed or swapped with the next to make one word of the other. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    for (let j = 0; j <= b.length; j++) {
      const at = (up: number, left: number): number => (up === 0 ? row : rows[i - up])?.[j - left] ?? Infinity;
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        i + j === 0
          ? 0
          : Math.min(
              at(1, 0) + 1,
              at(0, 1) + 1,
              at(1, 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
              isSwapped ? at(2, 2) + 1 : Infinity,
            ),
      );
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? Infinity;
}
