/**
 * Header fields (RFC 9110 section 5): the value of one, however many lines it came on, the tokens of a list, and the
 * lines that are sent. Any field may be absent, and each value is read in one linear pass.
 */

import { isToken, typeError } from '../checks.js';

/** Header fields as node:http gives them: names in lower case. */
export type HeaderFields = Readonly<Record<string, string | string[] | undefined>>;

/** @throws TypeError for something that has none: it is no message of HTTP. */
export function checkHasFields(name: string, expected: string, message: unknown): void {
  const { headers } = (message ?? {}) as { readonly headers?: unknown };
  if (typeof headers !== 'object' || headers === null) throw typeError(name, expected, message);
}

/** A field's value; several lines of it are one list (RFC 9110 section 5.3). */
export function fieldValue(
  // A request that a program made by hand may have numbers as values.
  headers: Readonly<Record<string, string | number | string[] | undefined>>,
  name: string,
): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  return typeof value === 'object' ? value.join(', ') : String(value);
}

/** A field as it stands in a message's head: a line for each value. */
export function fieldLines(name: string, value: string | readonly string[]): string {
  const values = typeof value === 'string' ? [value] : value;
  return values.map((line) => `${name}: ${line}\r\n`).join('');
}

/** Whether a list, such as that of Connection, has a token; case does not matter. `token` is in lower case. */
export function hasToken(value: string | undefined, token: string): boolean {
  if (value === undefined) return false;
  const list = value.toLowerCase();
  return list === token || listElements(list).includes(token);
}

/** The tokens of a list, or undefined when there are none or one of its elements is no token. */
export function parseTokenList(value: string): string[] | undefined {
  const elements = listElements(value);
  return elements.length > 0 && elements.every(isToken) ? elements : undefined;
}

/** Whether a character is one of those that may surround a list's elements (OWS, RFC 9110 section 5.6.3). */
export function isWhitespace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** The elements of a list without the empty ones, which a recipient ignores (RFC 9110 section 5.6.1.2). */
function listElements(value: string): string[] {
  return value.split(',').map(withoutWhitespace).filter((element) => element !== '');
}

function withoutWhitespace(element: string): string {
  let start = 0;
  let end = element.length;
  while (start < end && isWhitespace(element[start])) start++;
  while (end > start && isWhitespace(element[end - 1])) end--;
  return element.slice(start, end);
}
