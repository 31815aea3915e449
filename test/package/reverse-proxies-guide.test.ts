// docs/reverse-proxies.md: its configurations, taken out of the Markdown, as nginx and HAProxy run them in front of its
// server.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeWithProgram, freePort, startDaemon, temporaryDirectory } from '../interop/daemon.js';
import { Client } from './guide-client.js';
import { describeGuide } from './guide.js';

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
const ca = fixture('ca-cert.pem');

/** Puts what a test needs in the place of what a reader will have. Each has to be there. */
function substitute(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`There is no ${from} to be replaced`);
    return result.replaceAll(from, to);
  }, text);
}

describeGuide('docs/reverse-proxies.md', [], (guide) => {
  const nginxConfiguration = guide.take('nginx.conf');
  const haproxyConfiguration = guide.take('haproxy.cfg');

  /** How a proxy is started in front of a server; `changes` are made to the configuration of the guide. */
  type StartProxy = (backend: number, changes?: Readonly<Record<string, string>>) => Promise<number>;

  /** The ports of two servers: one as it stands there, and one with a faster heartbeat. */
  let still: number;
  let beating: number;

  beforeAll(async () => {
    const servers = [guide.start('server.mjs'), guide.start('server.mjs', [], { HEARTBEAT: '100' })];
    const addresses = await Promise.all(servers.map((server) => server.address()));
    [still = 0, beating = 0] = addresses.map((address) => Number(new URL(address).port));
  });

  function behind(startProxy: StartProxy, timeout: string, unavailable: number): void {
    it('knows the client, and takes pages of its own origin alone', async () => {
      const port = await startProxy(still);
      const host = `127.0.0.1:${String(port)}`;
      const headers = { 'X-Forwarded-For': '192.0.2.1' };
      const client = new Client(`wss://${host}`, [], { ca, origin: `https://${host}`, headers });
      expect(JSON.parse(String(await client.next()))).toEqual({ client: '127.0.0.1', host, scheme: 'https' });
      client.webSocket.close(4001, 'bye');
      expect(await client.closed).toMatchObject({ code: 4001, reason: 'bye', wasClean: true });

      const stranger = new Client(`wss://${host}`, [], { ca, origin: 'https://elsewhere.example' });
      expect(await stranger.refusal()).toMatchObject({ statusCode: 403 });
    });

    it('keeps an idle connection that has a heartbeat, and no other', async () => {
      const changes = { [timeout]: timeout.replace('60s', '2s') };
      const alive = new Client(`wss://127.0.0.1:${String(await startProxy(beating, changes))}`, [], { ca });
      await alive.next();
      const lost = new Client(`wss://127.0.0.1:${String(await startProxy(still, changes))}`, [], { ca });
      await lost.next();
      expect(await lost.closed).toMatchObject({ code: 1006, wasClean: false });
      alive.webSocket.send('still there');
      expect(await alive.next()).toBe('still there');
    });

    it('says that the server is away', async () => {
      const port = await startProxy(await freePort());
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca });
      expect(await client.refusal()).toMatchObject({ statusCode: unavailable });
    });
  }

  describeWithProgram('nginx', 'behind nginx', (nginx) => {
    const startNginx: StartProxy = async (backend, changes = {}) => {
      const directory = temporaryDirectory();
      const port = await freePort();
      writeFileSync(join(directory, 'cert.pem'), fixture('server-cert.pem'));
      writeFileSync(join(directory, 'key.pem'), fixture('server-key.pem'));
      const configuration = substitute(nginxConfiguration, {
        'listen 443 ssl': `listen 127.0.0.1:${String(port)} ssl`,
        '127.0.0.1:8080': `127.0.0.1:${String(backend)}`,
        '/etc/ssl/example.com.pem': join(directory, 'cert.pem'),
        '/etc/ssl/example.com.key': join(directory, 'key.pem'),
        ...changes,
      });
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${join(directory, name)};`,
      );
      writeFileSync(join(directory, 'watershed.conf'), configuration);
      // What a package of nginx has in its own nginx.conf.
      writeFileSync(
        join(directory, 'main.conf'),
        `daemon off; master_process off; pid ${join(directory, 'pid')}; error_log stderr crit; events {}
        http { access_log off; ${paths.join(' ')} include ${join(directory, 'watershed.conf')}; }`,
      );
      await startDaemon(nginx, ['-e', 'stderr', '-p', directory, '-c', join(directory, 'main.conf')], port);
      return port;
    };
    behind(startNginx, 'proxy_read_timeout 60s', 502);

    it('does not pass the upgrade on without its two fields', async () => {
      const port = await startNginx(still, {
        'proxy_set_header Upgrade $http_upgrade;': '',
        'proxy_set_header Connection $connection_upgrade;': '',
      });
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca });
      expect(await client.refusal()).toEqual({ code: 'WATERSHED_UNEXPECTED_STATUS', statusCode: 426 });
    });

    it.each(['$host', '$proxy_host'])('refuses its own pages when Host is %s', async (host) => {
      const port = await startNginx(still, { 'Host $http_host': `Host ${host}` });
      const origin = `https://127.0.0.1:${String(port)}`;
      const client = new Client(`wss://127.0.0.1:${String(port)}`, [], { ca, origin });
      expect(await client.refusal()).toMatchObject({ statusCode: 403 });
    });
  });

  describeWithProgram('haproxy', 'behind HAProxy', (haproxy) => {
    behind(async (backend, changes = {}) => {
      const directory = temporaryDirectory();
      const port = await freePort();
      writeFileSync(join(directory, 'server.pem'), fixture('server-cert.pem') + fixture('server-key.pem'));
      const configuration = substitute(haproxyConfiguration, {
        'maxconn 4000': 'maxconn 100',
        'bind :443': `bind 127.0.0.1:${String(port)}`,
        '127.0.0.1:8080': `127.0.0.1:${String(backend)}`,
        '/etc/haproxy/example.com.pem': join(directory, 'server.pem'),
        ...changes,
      });
      writeFileSync(join(directory, 'haproxy.cfg'), configuration);
      await startDaemon(haproxy, ['-db', '-f', join(directory, 'haproxy.cfg')], port);
      return port;
    }, 'timeout tunnel 60s', 503);
  });

});
