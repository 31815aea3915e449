// docs/errors.md: each row of its tables is produced with real sockets, and what the faces show is compared with what
// the row says.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Watershed, WatershedConnection, WebSocket } from '../../src/index.js';
import { bothEnds, next } from '../classic/ends.js';
import { close } from '../conformance/frames.js';
import { refusals, refuse } from './errors-guide-accept.js';
import { type Ending, endings, observe } from './errors-guide-endings.js';
import { openEnd } from './errors-guide-ends.js';
import { connectByRequest, connectWebSocket, openings } from './errors-guide-opening.js';

const source = new URL('../../src/', import.meta.url);
const page = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The rows of the table under a heading. */
function table(heading: string): string[][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const lines = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
}

/** A row for each scenario, and a scenario for each row. */
function rows(heading: string, scenarios: ReadonlyMap<string, unknown>): string[][] {
  const found = table(heading);
  it('has a row for each scenario, and the other way round', () => {
    expect(found.map(([label]) => label)).toEqual([...scenarios.keys()]);
  });
  return found;
}

/** The code in a cell, without its quotes; undefined for a word. */
function codeIn(cell = ''): string | undefined {
  return /`([A-Z_0-9]+)`/.exec(cell)?.[1];
}

describe('while a client connects', () => {
  it.each(rows('While a client connects', openings))('%s', async (label = '', standard = '', classic = '') => {
    const opening = openings.get(label);
    if (opening === undefined) throw new Error('There is no such scenario');
    expect(await connectWebSocket(opening)).toEqual({
      standard: ['error', 'close 1006 not clean'],
      classic: ["'error'", "'end' null null"],
      codes: [codeIn(standard), codeIn(standard)],
    });
    if (opening.byRequest === false) return;

    const outcome = await connectByRequest(opening);
    if (classic.startsWith('nothing')) expect(outcome).toBe(opening.byRequest ?? 'nothing');
    else if (classic.startsWith("the request's `'response'`")) expect(outcome).toMatch(/^response \d{3}$/);
    else if (classic.startsWith("the request's `'error'`")) expect(outcome).toBe(`error ${String(codeIn(classic))}`);
    else expect(outcome).toBe(`throws ${String(codeIn(classic))}`);
  });
});

describe('while a server accepts', () => {
  it.each(rows('While a server accepts', refusals))('%s', async (label = '', status = '', code = '') => {
    const refusal = refusals.get(label);
    if (refusal === undefined) throw new Error('There is no such scenario');
    const expected = { thrown: `HandshakeError ${status} ${String(codeIn(code))}`, answered: status };
    expect(await refuse(refusal, (...upgrade) => WebSocket.accept(...upgrade, refusal.options))).toEqual(expected);
    const classic = await refuse(refusal, (...upgrade) => Watershed.accept(...upgrade, refusal.options ?? {}));
    const isTakenByClassic = label.includes('`WebSocket.accept` alone');
    expect(classic).toEqual(isTakenByClassic ? { thrown: undefined, answered: '101' } : expected);
  });
});

const sections = ['The peer breaks the protocol', 'The connection is lost', 'We end it', 'The peer closes'];
const allEndings = new Map(Object.values(endings).flatMap((section) => [...section]));

describe.each(sections)('%s', (section) => {
  const found = rows(section, endings[section] ?? new Map<string, Ending>());
  const cases = found.flatMap((row) => {
    const { ends = ['server', 'client'] as const } = allEndings.get(row[0] ?? '') ?? {};
    return ends.map((end) => ({ label: row[0] ?? '', end, row }));
  });
  it.each(cases)('$label, at the $end', async ({ label, end, row: [, sent, standard, classic, code] }) => {
    const ending = allEndings.get(label);
    if (ending === undefined) throw new Error('There is no such scenario');
    for (const face of ['standard', 'classic'] as const) {
      const { trace, ...observed } = await observe(ending, await openEnd(ending, end, face));
      expect(`${face}: ${trace}`).toBe(`${face}: ${String(face === 'standard' ? standard : classic)}`);
      expect(observed.sent).toBe(sent);
      // A standard face that fires no `error` has nowhere to show it.
      const isShown = face === 'classic' ? code !== 'none' : trace.includes('`error`');
      expect([...new Set(observed.codes)]).toEqual(isShown ? [codeIn(code)] : []);
      if (section === 'The peer breaks the protocol') expect(String(observed.closeCode)).toBe(sent);
    }
  });
});

describe('the close codes', () => {
  it.each(table('Close codes'))('%s', async (code = '', name = '') => {
    const ends = await bothEnds();
    const ended = next(ends.client, 'end');
    ends.server.end(Number(code), 'why');
    expect(await ended).toEqual([name.replaceAll(/[`']/g, ''), 'why']);
  });

  it('are the names that the library gives, and no other', async () => {
    const declared = await readFile(new URL('protocol/close-code.ts', source), 'utf8');
    const names = [...declared.matchAll(/^ {2}([A-Z_]+): (\d{4}),$/gm)];
    const shown = table('Close codes').filter(([, name]) => /[A-Z]/.test(name ?? ''));
    expect(shown.map(([code, name]) => [code, name])).toEqual(
      names.map(([, name, code]) => [code, `\`'${String(name)}'\``]),
    );
  });

  it.each([999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])('%s must not be sent, nor received', async (code) => {
    const ends = await bothEnds();
    expect(() => { ends.server.end(code); }).toThrow(RangeError);
    const webSocket = WebSocket.from(ends.server);
    expect(() => { webSocket.close(code); }).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
    const { subject, peer } = await openEnd({}, 'server', 'classic');
    peer.send(close(code));
    const [error] = await next(subject as WatershedConnection, 'error');
    expect(error).toMatchObject({ code: 'WATERSHED_INVALID_CLOSE_CODE' });
  });
});

describe('sending when it is too late', () => {
  it('has a row for each of these tests', () => {
    expect(table('Sending when it is too late').map(([label]) => label)).toEqual([
      '`send` before `open`',
      '`send` while closing, or after the end',
      'Messages that have not left when the connection ends',
      'A value that cannot be sent',
    ]);
  });

  it('throws before open', () => {
    const connecting = new WebSocket('ws://127.0.0.1/');
    expect(() => { connecting.send('x'); }).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    const classic = WatershedConnection.from(connecting);
    expect(() => classic.send('x')).toThrow(expect.objectContaining({ code: 'WATERSHED_NOT_OPEN' }));
    classic.destroy();
  });

  it('is dropped while closing and after the end', async () => {
    const { client } = await bothEnds();
    const webSocket = WebSocket.from(client);
    client.end();
    for (let state = client.readyState; ; state = client.readyState) {
      const error = await new Promise((resolve) => { expect(client.send('late', resolve)).toBe(false); });
      expect(error).toMatchObject({ code: 'WATERSHED_NOT_OPEN' });
      if (state === 3) break;
      await next(client, 'end');
    }
    if (webSocket.readyState !== 3) await new Promise((resolve) => { webSocket.onclose = resolve; });
    const before = webSocket.bufferedAmount;
    webSocket.send('late');
    expect(webSocket.bufferedAmount - before).toBe(4);
  });

  it('gives the error of the end to the callbacks of messages that have not left', async () => {
    const { client } = await bothEnds();
    const given = new Promise((resolve) => client.send(Buffer.alloc(64 * 1024 * 1024), resolve));
    client.destroy();
    expect(await given).toMatchObject({ code: 'WATERSHED_DESTROYED' });
  });

  it('makes a string of other values, or throws', async () => {
    const { server, client } = await bothEnds();
    const webSocket = WebSocket.from(client);
    await new Promise((resolve) => { webSocket.onopen = resolve; });
    const received = next(server, 'text');
    webSocket.send(null as never);
    expect(await received).toEqual(['null']);
    expect(() => client.send(null as never)).toThrow(TypeError);
  });
});

describe('all codes', () => {
  it('are those of src/, each with its class, and each is used', async () => {
    const errors = await readFile(new URL('errors.ts', source), 'utf8');
    const [, union = ''] = /WatershedErrorCode =\n([^;]*);/.exec(errors) ?? [];
    let errorClass = '';
    const declared = union.split('\n').flatMap((line) => {
      errorClass = /\((\w+)\)\.$/.exec(line)?.[1] ?? errorClass;
      const code = codeIn(line.replaceAll("'", '`'));
      return code === undefined ? [] : [[`\`${code}\``, `\`${errorClass}\``]];
    });
    expect(table('All codes').map(([code, name]) => [code, name])).toEqual(declared);

    const names = (await readdir(source, { recursive: true })).filter((name) => /(?<!^errors)\.ts$/.test(name));
    const text = (await Promise.all(names.map((name) => readFile(new URL(name, source), 'utf8')))).join('');
    expect(declared.filter(([code = '']) => !text.includes(code.replaceAll('`', "'")))).toEqual([]);
  });

  it('are those of the tables', () => {
    const known = table('All codes').map(([code]) => codeIn(code));
    const named = [...page.matchAll(/`(WATERSHED_[A-Z_0-9]+)`/g)].map(([, code]) => code);
    expect(named.filter((code) => !known.includes(code))).toEqual([]);
  });

  it('has one for a socket that has ended', async () => {
    const socket = new Duplex();
    socket.destroy();
    await once(socket, 'close');
    expect(() => Watershed.accept({ headers: {} } as never, socket, null)).toThrow(
      expect.objectContaining({ code: 'WATERSHED_SOCKET_DESTROYED' }),
    );
  });

  it('has one for a socket that another listener has taken', async () => {
    const { server } = await bothEnds();
    expect(() => Watershed.accept({ headers: {} } as never, server.socket as never, null)).toThrow(
      expect.objectContaining({ code: 'WATERSHED_SOCKET_TAKEN' }),
    );
  });

  it('has one for a second loop over the messages', async () => {
    const { server } = await bothEnds();
    server[Symbol.asyncIterator]();
    expect(() => server[Symbol.asyncIterator]()).toThrow(
      expect.objectContaining({ code: 'WATERSHED_ALREADY_ITERATED' }),
    );
  });
});
