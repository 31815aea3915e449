import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseExtensions } from '../../src/handshake/extensions.js';
import { quote, token, whitespace } from './grammar.js';

const parameter = fc.record({ name: token, value: fc.option(token, { nil: undefined }) });
const extension = fc.record({ name: token, parameters: fc.array(parameter, { maxLength: 4 }) });

describe('parseExtensions', () => {
  it('gives back any list of extensions, whatever the whitespace, the quotes and the quoted pairs', () => {
    const spelling = fc.record({ space: whitespace, quoted: fc.boolean(), escaped: fc.array(fc.boolean()) });
    fc.assert(
      fc.property(fc.array(extension, { minLength: 1, maxLength: 4 }), spelling, (extensions, spelled) => {
        const { space, quoted, escaped } = spelled;
        const word = (value: string): string => (quoted ? quote(value, escaped) : value);
        const write = ({ name, value }: { name: string; value: string | undefined }): string =>
          value === undefined ? name : `${name}${space}=${space}${word(value)}`;
        const text = extensions
          .map(({ name, parameters }) => [name, ...parameters.map(write)].join(`${space};${space}`))
          .join(`${space},${space}`);
        expect(parseExtensions(space + text + space)).toEqual(extensions);
      }),
    );
  });

  it('keeps several offers of one extension apart, in order', () => {
    expect(parseExtensions('permessage-deflate; server_max_window_bits=10, permessage-deflate')).toEqual([
      { name: 'permessage-deflate', parameters: [{ name: 'server_max_window_bits', value: '10' }] },
      { name: 'permessage-deflate', parameters: [] },
    ]);
  });

  it('keeps a repeated parameter, for the extension to refuse', () => {
    expect(parseExtensions('a; b=1; b; b=2')).toEqual([
      {
        name: 'a',
        parameters: [
          { name: 'b', value: '1' },
          { name: 'b', value: undefined },
          { name: 'b', value: '2' },
        ],
      },
    ]);
  });

  it('takes names that objects have of themselves', () => {
    expect(parseExtensions('__proto__; constructor=toString, constructor')).toEqual([
      { name: '__proto__', parameters: [{ name: 'constructor', value: 'toString' }] },
      { name: 'constructor', parameters: [] },
    ]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it('ignores empty elements of the list', () => {
    expect(parseExtensions(', ,a,, b ,')).toEqual([
      { name: 'a', parameters: [] },
      { name: 'b', parameters: [] },
    ]);
  });

  it.each([
    '',
    ' ',
    ',',
    ' , ',
    ';',
    'a;',
    'a; ;b',
    'a;,b',
    '; a',
    '=a',
    'a=b',
    'a; =b',
    'a; b=',
    'a; b=,c',
    'a; b==c',
    'a b',
    'a; b c',
    'a; b=c d',
    'a; b=c"d"',
    'a; "b"',
    '"a"',
    'a; b="',
    'a; b="c',
    'a; b="c\\',
    'a; b="c\\"',
    'a; b=""',
    'a; b="c d"',
    'a; b=" c"',
    'a; b="c "',
    'a; b="c,d"',
    'a; b="c\\ d"',
    'a; b="c\\"d"',
    'a; b="c"d',
    'a; b="c""d"',
    'a; b=é',
    'a\u0000',
    'a\u00a0',
    'a\nb',
  ])('is undefined for %j, which breaks the grammar', (value) => {
    expect(parseExtensions(value)).toBeUndefined();
  });

  it('gives tokens alone, or undefined, for any string', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('a', 'b', ',', ';', '=', '"', '\\', ' ', '\t') }),
    );
    fc.assert(
      fc.property(text, (value) => {
        for (const { name, parameters } of parseExtensions(value) ?? []) {
          const words = [name, ...parameters.flatMap((each) => [each.name, each.value ?? 'none'])];
          for (const word of words) expect(word).toMatch(/^[\w!#$%&'*+.^`|~-]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('reads hundreds of kilobytes of what makes regular expressions backtrack', () => {
    // Quadratic work on any of these would not end within the test's time.
    const size = 300_000;
    expect(parseExtensions(`a; b="${'\\a'.repeat(size)}`)).toBeUndefined();
    expect(parseExtensions(`a; b="${'\\"'.repeat(size)}`)).toBeUndefined();
    expect(parseExtensions(`a${' '.repeat(size)}b`)).toBeUndefined();
    expect(parseExtensions(';'.repeat(size))).toBeUndefined();
    expect(parseExtensions(`a${'; b'.repeat(size)}=`)).toBeUndefined();
    expect(parseExtensions(','.repeat(size))).toBeUndefined();
  }, 20_000);
});
