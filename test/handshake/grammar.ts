// Arbitrary words of the header grammar (RFC 9110 section 5.6), for the property tests.
import fc from 'fast-check';

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export const token = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from(TOKEN_CHARACTERS)), minLength: 1, maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString', 'valueOf'),
);

export const whitespace = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 });

/** A token as a quoted string, where `escaped` says which of its characters are written as quoted pairs. */
export function quote(value: string, escaped: readonly boolean[]): string {
  const characters = Array.from(value, (character, index) => (escaped[index] === true ? `\\${character}` : character));
  return `"${characters.join('')}"`;
}
