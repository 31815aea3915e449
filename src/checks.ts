/**
 * What a value must be. Each check throws an error that names the field, the value and the rule, when the value is
 * given and not when it is first used: a mistake shows where it was made. It knows no option.
 */
import { nearest } from './nearest.js';

/** Throws when an option's value is wrong. `name` is the option's, as the message shows it. */
export type Check = (name: string, value: unknown) => void;

/** The longest delay that a Node timer takes: a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** The TypeError for a value of the wrong type: it names the field, the rule and the value, and may say what to do. */
export function typeError(name: string, expected: string, value: unknown, advice?: string): TypeError {
  return new TypeError(`${name} must be ${expected}, but is ${show(value)}${advice === undefined ? '' : `: ${advice}`}`);
}

/** Checks each option that is given, and refuses names that `checks` does not have. */
export function checkOptions(what: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  if (typeof options !== 'object' || options === null || isPromise(options)) {
    throw typeError(what, 'an object', options);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      const known = Object.keys(checks);
      const instead = nearest(name, known);
      const advice = instead === undefined ? `there are ${known.join(', ')}` : `did you mean ${instead}?`;
      throw new TypeError(`${what}.${name} is not an option: ${advice}`);
    }
    // An option that is undefined is one that was not given.
    if (value !== undefined) checks[name]?.(`${what}.${name}`, value);
  }
}

export function count(minimum: number): Check {
  return (name, value) => {
    if (typeof value !== 'number') throw typeError(name, 'a number', value);
    if (value !== Infinity && (!Number.isSafeInteger(value) || value < minimum)) {
      throw new RangeError(
        `${name} must be a whole number from ${String(minimum)} on, or Infinity, but is ${show(value)}`,
      );
    }
  };
}

export function wholeNumber(minimum: number, maximum: number): Check {
  return (name, value) => {
    if (typeof value !== 'number') throw typeError(name, 'a number', value);
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new RangeError(
        `${name} must be a whole number from ${String(minimum)} to ${String(maximum)}, but is ${show(value)}`,
      );
    }
  };
}

export function milliseconds(minimum: number): Check {
  return (name, value) => {
    if (typeof value !== 'number') throw typeError(name, 'a number of milliseconds', value);
    if (!Number.isInteger(value) || value < minimum || value > MAX_DELAY) {
      throw new RangeError(
        `${name} must be a whole number of milliseconds from ${String(minimum)} to ${String(MAX_DELAY)}, ` +
          `but is ${show(value)}`,
      );
    }
  };
}

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw typeError(name, 'true or false', value);
}

/**
 * Whether a string is a token (RFC 9110 section 5.6.2): what subprotocols, extensions and their parameters are made of.
 */
export function isToken(value: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value);
}

export function checkProtocols(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw typeError(name, 'an array of strings', value);
  for (const [index, protocol] of (value as unknown[]).entries()) {
    const element = `${name}[${String(index)}]`;
    if (typeof protocol !== 'string') throw typeError(element, 'a string', protocol);
    if (!isToken(protocol)) {
      throw new RangeError(
        `${element} must be a token, without spaces or separators (RFC 6455 section 4.1), but is ${show(protocol)}`,
      );
    }
  }
}

export function checkRequestedProtocols(name: string, value: unknown): void {
  checkProtocols(name, value);
  const protocols = value as readonly string[];
  const repeated = protocols.find((protocol, index) => protocols.indexOf(protocol) !== index);
  if (repeated !== undefined) {
    throw new RangeError(
      `${name} must not name a subprotocol twice (RFC 6455 section 4.1), but has ${show(repeated)} twice`,
    );
  }
}

/** The value of an Origin header. */
export function checkOrigin(name: string, value: unknown): void {
  if (typeof value !== 'string') throw typeError(name, 'a string', value);
  checkFieldValue(name, value);
}

/** @throws TypeError, RangeError for header fields that cannot stand in a header (RFC 9110 section 5). */
export function checkHeaders(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw typeError(name, 'an object', value);
  for (const [field, fieldValue] of Object.entries(value)) checkHeader(name, field, fieldValue);
}

/** One header field, with a value or an array of them. `name` is the option's. */
export function checkHeader(name: string, field: string, value: unknown): void {
  if (!isToken(field)) {
    throw new RangeError(`${name} must have tokens as names (RFC 9110 section 5.1), but one is ${show(field)}`);
  }
  for (const line of (Array.isArray(value) ? value : [value]) as unknown[]) {
    if (typeof line !== 'string') throw typeError(`${name}[${show(field)}]`, 'a string or an array of strings', line);
    checkFieldValue(`${name}[${show(field)}]`, line);
  }
}

/** @throws RangeError when a header field's value cannot stand in a header (RFC 9110 section 5.5). */
export function checkFieldValue(name: string, value: string): void {
  // A line break would end the field, and the rest would be read as another one.
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw new RangeError(
      `${name} must be a header field's value, without control characters or characters above U+00FF ` +
        `(RFC 9110 section 5.5), but is ${show(value)}`,
    );
  }
}

export function checkOriginPolicy(name: string, value: unknown): void {
  if (value === 'same-origin' || typeof value === 'function') return;
  if (!Array.isArray(value)) throw typeError(name, "'same-origin', an array of origins or a function", value);
  for (const [index, origin] of (value as unknown[]).entries()) {
    const element = `${name}[${String(index)}]`;
    if (typeof origin !== 'string') throw typeError(element, 'a string', origin);
    // Anything else would never match what a browser sends.
    if (!isSerializedOrigin(origin)) {
      throw new RangeError(
        `${element} must be an origin such as "https://example.com", without a path or a default port ` +
          `(RFC 6454 section 6.2), but is ${show(origin)}`,
      );
    }
  }
}

/** RFC 6454 section 6.2; of a scheme that the URL Standard does not know, such as an extension's, the shape alone. */
function isSerializedOrigin(origin: string): boolean {
  if (origin === 'null') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#\\]*$/i.test(origin) || !URL.canParse(origin)) return false;
  const parsed = new URL(origin).origin;
  return parsed === 'null' || parsed === origin.toLowerCase();
}

/** A value as an error message shows it: short, and never throwing. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value.toString()}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (isPromise(value)) return 'a Promise: is an await missing?';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** Of any realm. It would have no options, and so it would be taken for none. */
export function isPromise(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Promise]';
}
