/**
 * The grammar of the Sec-WebSocket-Extensions header (RFC 6455 section 9.1). It knows no extension: what is offered
 * twice, or makes no sense, is left to the extension that reads its parameters.
 */

import { isToken } from '../checks.js';
import { isWhitespace } from './fields.js';

/** One element of the header: an extension that a client offers, or that a server has agreed to. */
export interface Extension {
  readonly name: string;
  /** In order, repeated ones included. A list, because names from the network are never keys of an object. */
  readonly parameters: readonly ExtensionParameter[];
}

export interface ExtensionParameter {
  readonly name: string;
  /** Undefined when the parameter has no value. */
  readonly value: string | undefined;
}

/** The extensions that a header's value lists, in order, or undefined when it breaks the grammar. */
export function parseExtensions(fieldValue: string): Extension[] | undefined {
  const scanner = new Scanner(fieldValue);
  const extensions: Extension[] = [];
  do {
    // An empty element is ignored (RFC 9110 section 5.6.1.2).
    if (scanner.isAtElementEnd()) continue;
    const extension = parseExtension(scanner);
    if (extension === undefined) return undefined;
    extensions.push(extension);
  } while (scanner.take(','));
  return scanner.isAtEnd() && extensions.length > 0 ? extensions : undefined;
}

function parseExtension(scanner: Scanner): Extension | undefined {
  const name = scanner.takeToken();
  if (name === undefined) return undefined;
  const parameters: ExtensionParameter[] = [];
  while (scanner.take(';')) {
    const parameter = parseParameter(scanner);
    if (parameter === undefined) return undefined;
    parameters.push(parameter);
  }
  return { name, parameters };
}

function parseParameter(scanner: Scanner): ExtensionParameter | undefined {
  const name = scanner.takeToken();
  if (name === undefined) return undefined;
  if (!scanner.take('=')) return { name, value: undefined };
  const value = scanner.take('"') ? scanner.takeQuotedToken() : scanner.takeToken();
  return value === undefined ? undefined : { name, value };
}

/**
 * Walks over the text once, from its start to its end. Whitespace may stand between any two words: the grammar is that
 * of RFC 2616 with its implied whitespace, as RFC 6455 section 9.1 says.
 */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipWhitespace();
  }

  isAtEnd(): boolean {
    return this.#position === this.#text.length;
  }

  isAtElementEnd(): boolean {
    return this.isAtEnd() || this.#text[this.#position] === ',';
  }

  take(delimiter: ',' | ';' | '=' | '"'): boolean {
    if (this.#text[this.#position] !== delimiter) return false;
    this.#position++;
    // Inside a quoted string whitespace is part of the value.
    if (delimiter !== '"') this.#skipWhitespace();
    return true;
  }

  takeToken(): string | undefined {
    const start = this.#position;
    while (!this.isAtEnd() && !isDelimiter(this.#text[this.#position])) this.#position++;
    const token = this.#text.slice(start, this.#position);
    this.#skipWhitespace();
    return isToken(token) ? token : undefined;
  }

  /** What is left of a quoted string after its first quote. Without the quoted pairs it has to be a token. */
  takeQuotedToken(): string | undefined {
    let value = '';
    while (this.#text[this.#position] !== '"') {
      if (this.#text[this.#position] === '\\') this.#position++;
      const character = this.#text[this.#position];
      if (character === undefined) return undefined;
      value += character;
      this.#position++;
    }
    this.#position++;
    this.#skipWhitespace();
    return isToken(value) ? value : undefined;
  }

  #skipWhitespace(): void {
    while (isWhitespace(this.#text[this.#position])) this.#position++;
  }
}

function isDelimiter(character: string | undefined): boolean {
  return character === ',' || character === ';' || character === '=' || character === '"' || isWhitespace(character);
}
