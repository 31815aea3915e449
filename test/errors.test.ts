import { describe, expect, it } from 'vitest';
import { HandshakeError, ProtocolError, Watershed, WatershedError } from '../src/index.js';
import { close, text } from './conformance/frames.js';
import { bothEnds, handMadeRequest, next, serverEnd } from './classic/ends.js';
import { duplexPair } from './classic/duplex-pair.js';

describe('the error family', () => {
  it.each([
    ['WatershedError', new WatershedError('WATERSHED_DESTROYED', 'why')],
    ['HandshakeError', new HandshakeError('WATERSHED_INVALID_REQUEST', 400, 'why')],
    ['ProtocolError', new ProtocolError('WATERSHED_INVALID_UTF8', 1007, 'why')],
  ])('%s is a WatershedError and an Error, with its name, its message and its code', (name, error) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(WatershedError);
    expect(error.name).toBe(name);
    expect(String(error)).toBe(`${name}: why`);
    expect(error.code).toMatch(/^WATERSHED_[A-Z0-9_]+$/);
    // What console.log shows has the name once, and no name among the fields.
    expect(Object.keys(error)).not.toContain('name');
    expect(error.stack).toMatch(new RegExp(`^${name}: why\n`));
  });

  it('keeps apart whose fault it is', () => {
    expect(new HandshakeError('WATERSHED_INVALID_REQUEST', 400, '')).not.toBeInstanceOf(ProtocolError);
    expect(new ProtocolError('WATERSHED_INVALID_UTF8', 1007, '')).not.toBeInstanceOf(HandshakeError);
  });

  it('carries the cause of a lost connection', async () => {
    const [socket] = duplexPair();
    const connection = Watershed.accept(handMadeRequest(), socket, Buffer.alloc(0));
    const waiting = connection[Symbol.asyncIterator]().next();
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    socket.destroy(cause);
    await expect(waiting).rejects.toMatchObject({ code: 'WATERSHED_CONNECTION_LOST', cause });
  });
});

describe('a HandshakeError', () => {
  it('of a server has the status and the header fields of the refusal', () => {
    const [socket] = duplexPair();
    const request = handMadeRequest({ ...handMadeRequest().headers, 'sec-websocket-version': '8' });
    expect(() => Watershed.accept(request, socket, Buffer.alloc(0))).toThrow(
      expect.objectContaining({
        name: 'HandshakeError',
        code: 'WATERSHED_UNSUPPORTED_VERSION',
        statusCode: 426,
        headers: { 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13' },
      }),
    );
  });

  it('of a client has the status and the header fields of the response', () => {
    const [socket] = duplexPair();
    const response = { statusCode: 401, headers: { 'www-authenticate': 'Basic' } };
    expect(() => Watershed.connect(response as never, socket, Buffer.alloc(0), Watershed.generateKey())).toThrow(
      expect.objectContaining({
        name: 'HandshakeError',
        code: 'WATERSHED_INVALID_RESPONSE',
        statusCode: 401,
        headers: { 'www-authenticate': 'Basic' },
      }),
    );
  });
});

describe("the 'error' event", () => {
  it('names the rule and the section, and has the code that was sent', async () => {
    const { connection, peer } = await serverEnd();
    peer.send({ ...text('x'.repeat(126)), opcode: 9 });
    const [error] = await next(connection, 'error');
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({
      code: 'WATERSHED_CONTROL_FRAME_TOO_LONG',
      closeCode: 1002,
      message: expect.stringMatching(/^RFC 6455 section 5\.5: a control frame's payload is at most 125 bytes/) as unknown,
    });
    expect((await peer.frame()).payload.readUInt16BE()).toBe(1002);
  });

  it('is not emitted to nobody: neither thrown nor swallowed by the end', async () => {
    const { connection, peer } = await serverEnd();
    let emitted = 0;
    const emit = connection.emit.bind(connection);
    connection.emit = ((name: 'end', ...args: [null, null]) => {
      if ((name as string) === 'error') emitted++;
      return emit(name, ...args);
    }) as typeof connection.emit;
    peer.send(text('', { rsv: 1 }));
    peer.socket.end();
    await next(connection, 'end');
    expect(emitted).toBe(0);
  });

  it('is for what went wrong alone: neither a clean end, nor destroy, nor a lost peer has one', async () => {
    const errors: Error[] = [];
    const clean = await serverEnd({}, (connection) => connection.on('error', (error) => errors.push(error)));
    clean.peer.send(close(1011, 'an error of the peer’s'));
    clean.peer.socket.end();
    await next(clean.connection, 'end');
    const { server, client } = await bothEnds();
    server.on('error', (error) => errors.push(error));
    client.on('error', (error) => errors.push(error));
    const ended = next(client, 'end');
    server.destroy();
    await ended;
    expect(errors).toEqual([]);
  });
});
