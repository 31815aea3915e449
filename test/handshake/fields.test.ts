import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fieldLines, fieldValue, hasToken, parseTokenList } from '../../src/handshake/fields.js';
import { token, whitespace } from './grammar.js';

describe('fieldValue', () => {
  it('is undefined for a field that is absent', () => {
    expect(fieldValue({}, 'upgrade')).toBeUndefined();
  });

  it('is the value of a single line as it came', () => {
    expect(fieldValue({ upgrade: 'websocket' }, 'upgrade')).toBe('websocket');
  });

  it('joins several lines to one list', () => {
    expect(fieldValue({ connection: ['keep-alive', 'Upgrade'] }, 'connection')).toBe('keep-alive, Upgrade');
  });

  it('takes a number from a request that was made by hand', () => {
    expect(fieldValue({ 'sec-websocket-version': 13 }, 'sec-websocket-version')).toBe('13');
  });
});

describe('fieldLines', () => {
  it('writes a line for each value', () => {
    expect(fieldLines('Set-Cookie', ['a=1', 'b=2'])).toBe('Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n');
    expect(fieldLines('Allow', 'GET')).toBe('Allow: GET\r\n');
  });
});

describe('hasToken', () => {
  it.each([
    'upgrade',
    'Upgrade',
    'UPGRADE',
    'keep-alive, Upgrade',
    'Upgrade,keep-alive',
    ' \tupgrade\t ',
    ',, ,upgrade,',
    '"quoted", upgrade',
  ])('finds the token in %j', (value) => {
    expect(hasToken(value, 'upgrade')).toBe(true);
  });

  it.each([undefined, '', ',', ' ', 'upgrad', 'upgrades', 'up grade', 'upgrade;q=1', 'upgrade/13', '\u00a0upgrade'])(
    'does not find it in %j',
    (value) => {
      expect(hasToken(value, 'upgrade')).toBe(false);
    },
  );

  it('takes any string', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(typeof hasToken(value, 'upgrade')).toBe('boolean');
      }),
    );
  });

  it('finds a token anywhere in a list, in any case', () => {
    fc.assert(
      fc.property(fc.array(token), token, fc.array(token), whitespace, (before, wanted, after, space) => {
        const value = [...before, wanted.toUpperCase(), ...after].join(`${space},${space}`);
        expect(hasToken(value, wanted.toLowerCase())).toBe(true);
      }),
    );
  });
});

describe('parseTokenList', () => {
  it('gives back the tokens of a list in order, with whitespace and empty elements left out', () => {
    fc.assert(
      fc.property(fc.array(token, { minLength: 1 }), whitespace, (tokens, space) => {
        expect(parseTokenList(tokens.join(`${space},${space}`))).toEqual(tokens);
        expect(parseTokenList(`,${space},${tokens.join(`,${space},`)},`)).toEqual(tokens);
      }),
    );
  });

  it('takes names that objects have of themselves', () => {
    expect(parseTokenList('__proto__, constructor, toString')).toEqual(['__proto__', 'constructor', 'toString']);
  });

  it.each(['', ' ', ',', ', ,', 'a b', 'a, b c', 'a;b', '"a"', 'a, é', 'a\nb', 'a=b', '\u00a0a'])(
    'is undefined for %j',
    (value) => {
      expect(parseTokenList(value)).toBeUndefined();
    },
  );

  it('gives tokens alone, or undefined, for any string', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        for (const element of parseTokenList(value) ?? []) expect(element).toMatch(/^[\w!#$%&'*+.^`|~-]+$/);
      }),
    );
  });
});
