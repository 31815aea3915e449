/** The WebSocket class on both ends, with something in between: TLS with certificates, and proxies of several kinds. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions as HttpsOptions } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { Agent, ProxyAgent } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type CloseEvent, HandshakeError, WebSocket } from '../../src/index.js';
import { listenOn } from '../classic/ends.js';
import { describeWithProgram, freePort, startDaemon, temporaryDirectory } from './daemon.js';
import { expectNoOpenHandles } from './open-handles.js';

expectNoOpenHandles();

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const ca = fixture('ca-cert.pem');
const serverCertificate = { cert: fixture('server-cert.pem'), key: fixture('server-key.pem') };
const clientCertificate = { cert: fixture('client-cert.pem'), key: fixture('client-key.pem') };

describe('TLS', () => {
  it('trusts a private certificate authority that it is given', async () => {
    const { url } = await listenEcho({ tls: serverCertificate });
    await exchange(new WebSocket(url, [], { ca }));
  });

  it('trusts no other one, and says so', async () => {
    const { url } = await listenEcho({ tls: serverCertificate });
    const { error } = await failure(new WebSocket(url));
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('trusts no certificate for another name', async () => {
    const { url } = await listenEcho({ tls: serverCertificate });
    const { error } = await failure(new WebSocket(url, [], { ca, servername: 'example.com' }));
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('shows a certificate to a server that asks for one', async () => {
    const { url, requests } = await listenEcho({ tls: { ...serverCertificate, ca, requestCert: true } });
    await exchange(new WebSocket(url, [], { ca, ...clientCertificate }));
    const names = requests.map(({ socket }) => socket instanceof TLSSocket && socket.getPeerCertificate().subject.CN);
    expect(names).toEqual(['client']);
  });

  it('fails without the certificate that a server asks for', async () => {
    const { url } = await listenEcho({ tls: { ...serverCertificate, ca, requestCert: true } });
    const { message } = await failure(new WebSocket(url, [], { ca }));
    expect(message).not.toBe('');
  });

  it('takes its certificates from a dispatcher of undici', async () => {
    const { url } = await listenEcho({ tls: { ...serverCertificate, ca, requestCert: true } });
    const dispatcher = new Agent({ connect: { ca: ca.toString(), ...textOf(clientCertificate) } });
    onTestFinished(() => dispatcher.close());
    await exchange(new WebSocket(url, { dispatcher }));
  });
});

/** The ways through a proxy, by what makes the tunnel. */
const ways = [
  {
    name: 'https-proxy-agent',
    options: (proxy: string) => ({ agent: new HttpsProxyAgent(proxy), ca }),
  },
  {
    name: "undici's ProxyAgent",
    options: (proxy: string) => {
      const dispatcher = new ProxyAgent({ uri: proxy, requestTls: { ca: ca.toString() }, proxyTunnel: true });
      onTestFinished(() => dispatcher.close());
      return { dispatcher };
    },
  },
];

describe.each(ways)('a proxy, by $name', ({ options }) => {
  it.each(['ws', 'wss'])('is gone through to %s:', async (scheme) => {
    const { url, port } = await listenEcho(scheme === 'wss' ? { tls: serverCertificate } : {});
    const proxy = await listenConnectProxy();
    await exchange(new WebSocket(url, options(proxy.url)));
    expect(proxy.targets).toEqual([`127.0.0.1:${String(port)}`]);
  });

  it('is given the credentials of its URL', async () => {
    const { url } = await listenEcho();
    const proxy = await listenConnectProxy({ password: 'secret' });
    await exchange(new WebSocket(url, options(proxy.url.replace('//', '//user:secret@'))));
  });

  it('fails when the proxy wants credentials', async () => {
    const { url, requests } = await listenEcho();
    const proxy = await listenConnectProxy({ password: 'secret' });
    const { error } = await failure(new WebSocket(url, options(proxy.url)));
    expect(`${error.message} ${String(error.cause)}`).toContain('407');
    expect(requests).toEqual([]);
  });

  it('fails when the proxy cannot be reached', async () => {
    const { url } = await listenEcho();
    const { error } = await failure(new WebSocket(url, options(`http://127.0.0.1:${String(await freePort())}`)));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
});

/** How a reverse proxy is started in front of a server, with TLS if it is asked for. */
type StartReverseProxy = (upstream: number, tls: boolean) => Promise<number>;

function behind(startReverseProxy: StartReverseProxy, unavailable: number): void {
  it.each(['ws', 'wss'])('sends and receives, and closes, over %s:', async (scheme) => {
    const { port, requests } = await listenEcho();
    const proxyPort = await startReverseProxy(port, scheme === 'wss');
    const webSocket = new WebSocket(`${scheme}://127.0.0.1:${String(proxyPort)}/path?query`, ['echo'], { ca });
    await exchange(webSocket);
    expect(webSocket.protocol).toBe('echo');
    expect(requests.map(({ url }) => url)).toEqual(['/path?query']);
  });

  it('is closed by the server', async () => {
    const { port, accepted } = await listenEcho();
    const proxyPort = await startReverseProxy(port, false);
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(proxyPort)}`);
    await once(webSocket, 'open');
    const closed = closing(webSocket);
    accepted[0]?.close(4001, 'Enough');
    expect(await closed).toMatchObject({ code: 4001, reason: 'Enough', wasClean: true });
  });

  it('is told that the server is away', async () => {
    const proxyPort = await startReverseProxy(await freePort(), false);
    const { error } = await failure(new WebSocket(`ws://127.0.0.1:${String(proxyPort)}`));
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ statusCode: unavailable });
  });

  it('loses its connection when the server goes away', async () => {
    const { port, requests } = await listenEcho();
    const proxyPort = await startReverseProxy(port, false);
    const webSocket = new WebSocket(`ws://127.0.0.1:${String(proxyPort)}`);
    await once(webSocket, 'open');
    const closed = closing(webSocket);
    requests[0]?.socket.destroy();
    expect(await closed).toMatchObject({ code: 1006, wasClean: false });
  });
}

describeWithProgram('nginx', 'behind nginx', (nginx) => {
  behind(async (upstream, tls) => {
    const directory = temporaryDirectory();
    const port = await freePort();
    const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${join(directory, name)};`,
    );
    writeFileSync(join(directory, 'cert.pem'), serverCertificate.cert);
    writeFileSync(join(directory, 'key.pem'), serverCertificate.key);
    const tlsSettings = `ssl_certificate ${directory}/cert.pem; ssl_certificate_key ${directory}/key.pem;`;
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; master_process off; pid ${join(directory, 'pid')}; error_log stderr;
      events {}
      http {
        access_log off; ${temporaryPaths.join(' ')}
        server {
          listen 127.0.0.1:${String(port)}${tls ? ' ssl' : ''};
          ${tls ? tlsSettings : ''}
          location / {
            proxy_pass http://127.0.0.1:${String(upstream)};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $host;
          }
        }
      }`,
    );
    await startDaemon(nginx, ['-e', 'stderr', '-p', directory, '-c', join(directory, 'nginx.conf')], port);
    return port;
  }, 502);
});

describeWithProgram('haproxy', 'behind HAProxy', (haproxy) => {
  behind(async (upstream, tls) => {
    const directory = temporaryDirectory();
    const port = await freePort();
    writeFileSync(join(directory, 'server.pem'), Buffer.concat([serverCertificate.cert, serverCertificate.key]));
    const configFile = join(directory, 'haproxy.cfg');
    writeFileSync(
      configFile,
      `global
        maxconn 100
      defaults
        mode http
        retries 0
        timeout connect 10s
        timeout client 10s
        timeout server 10s
        timeout tunnel 60s
      frontend watershed
        bind 127.0.0.1:${String(port)}${tls ? ` ssl crt ${join(directory, 'server.pem')}` : ''}
        default_backend watershed
      backend watershed
        server watershed 127.0.0.1:${String(upstream)}\n`,
    );
    await startDaemon(haproxy, ['-db', '-f', configFile], port);
    return port;
  }, 503);
});

/** Sends a text and a large binary message, has both echoed, and closes. */
async function exchange(webSocket: WebSocket): Promise<void> {
  const bytes = Buffer.alloc(200_000, 'watershed');
  const messages: (string | ArrayBuffer)[] = [];
  const errors: Error[] = [];
  webSocket.binaryType = 'arraybuffer';
  webSocket.onopen = () => {
    webSocket.send('Zoë');
    webSocket.send(bytes);
  };
  webSocket.onmessage = ({ data }) => {
    if (messages.push(data as string | ArrayBuffer) === 2) webSocket.close(4000, 'Enough');
  };
  webSocket.onerror = ({ error }) => errors.push(error);
  const close = await closing(webSocket);
  expect(errors).toEqual([]);
  expect(close).toMatchObject({ code: 4000, reason: 'Enough', wasClean: true });
  expect(messages[0]).toBe('Zoë');
  expect(bytes.equals(Buffer.from(messages[1] as ArrayBuffer))).toBe(true);
}

/** The error of a connection that does not open. It has closed with 1006 when this resolves. */
async function failure(webSocket: WebSocket): Promise<{ error: Error; message: string }> {
  const events: string[] = [];
  let error: Error | undefined;
  let message = '';
  webSocket.onopen = () => events.push('open');
  webSocket.onerror = (event) => {
    events.push('error');
    ({ error, message } = event);
  };
  const { code } = await closing(webSocket);
  expect({ events, code }).toEqual({ events: ['error'], code: 1006 });
  return { error: error as Error, message };
}

async function closing(webSocket: WebSocket): Promise<CloseEvent> {
  const [event] = (await once(webSocket, 'close')) as [CloseEvent];
  return event;
}

/** A server of ours that echoes. */
async function listenEcho({ tls }: { tls?: HttpsOptions } = {}) {
  const server: Server = tls === undefined ? createServer() : createHttpsServer(tls);
  const requests: IncomingMessage[] = [];
  const accepted: WebSocket[] = [];
  server.on('upgrade', (request, socket, head) => {
    requests.push(request);
    const webSocket = WebSocket.accept(request, socket, head, { protocols: ['echo'] });
    accepted.push(webSocket);
    webSocket.binaryType = 'arraybuffer';
    webSocket.onmessage = ({ data }) => {
      webSocket.send(data as string | ArrayBuffer);
    };
  });
  const port = await listenOn(server);
  return { url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${String(port)}/`, port, requests, accepted };
}

/** A proxy that makes tunnels by CONNECT (RFC 9110 section 9.3.6), for a password if it has one. */
async function listenConnectProxy({ password }: { password?: string } = {}) {
  const targets: string[] = [];
  const server = createServer();
  server.on('connect', ({ url = '', headers }, socket: Socket, head) => {
    // A tunnel that is cut is not this end's business.
    socket.on('error', () => undefined);
    const credentials = `Basic ${Buffer.from(`user:${password ?? ''}`).toString('base64')}`;
    if (password !== undefined && headers['proxy-authorization'] !== credentials) {
      const fields = 'Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n';
      socket.end(`HTTP/1.1 407 Proxy Authentication Required\r\n${fields}\r\n`);
      return;
    }
    targets.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const upstream = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  const port = await listenOn(server);
  return { url: `http://127.0.0.1:${String(port)}`, targets };
}

function textOf({ cert, key }: { cert: Buffer; key: Buffer }): { cert: string; key: string } {
  return { cert: cert.toString(), key: key.toString() };
}
