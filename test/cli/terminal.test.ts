/** The command line at a real terminal: tmux has the keys and the screen. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { describeIfInstalled, isExecutable } from '../installed-program.js';
import { serve } from './server.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const tmux = ['/usr/bin/tmux', '/usr/local/bin/tmux', '/opt/homebrew/bin/tmux'].find(isExecutable);

/** A window of a tmux of its own, in which a command runs. */
class Window {
  readonly #tmux: string;
  readonly #socket = `watershed-${randomUUID()}`;

  constructor(tmux: string) {
    this.#tmux = tmux;
    onTestFinished(async () => {
      await this.#call('kill-server').catch(() => undefined);
    });
  }

  async start(...args: string[]): Promise<void> {
    const command = [process.execPath, join(root, 'dist/cli/main.js'), ...args].map((word) => `'${word}'`).join(' ');
    // The status stays on the screen when the command has ended.
    const shell = `${command}; echo "status $?"; sleep 30`;
    await this.#call('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '30', shell);
  }

  async type(...keys: string[]): Promise<void> {
    await this.#call('send-keys', ...keys);
  }

  /** Waits until the screen has this on it; gives the screen, with its colours if they are asked for. */
  async shows(expected: string, ...flags: string[]): Promise<string> {
    for (;;) {
      const screen = await this.#call('capture-pane', '-p', ...flags);
      if (screen.includes(expected)) return screen.trimEnd();
      // A screen has no event.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #call(...args: string[]): Promise<string> {
    // Vitest says to its processes that they have no colours.
    const env = { ...process.env, NO_COLOR: '', TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' };
    const { stdout } = await run(this.#tmux, ['-L', this.#socket, ...args], { env });
    return stdout;
  }
}

/** A server whose one connection the test has in its hands. */
async function serveOne(): Promise<{
  url: string;
  socket: Promise<WebSocket>;
  received: string[];
  closed: Promise<number>;
}> {
  const received: string[] = [];
  const { url, server } = await serve((socket) => {
    socket.on('message', (data) => received.push((data as Buffer).toString()));
  });
  const socket = once(server, 'connection').then(([each]) => each as WebSocket);
  const closed = socket.then((each) => once(each, 'close')).then(([code]) => code as number);
  return { url, socket, received, closed };
}

describeIfInstalled('watershed connect at a terminal', tmux, 'tmux was not found', (path) => {
  it('sends what is typed, lays out what comes, and closes at Ctrl-D', async () => {
    const { url, socket, received, closed } = await serveOne();
    const window = new Window(path);
    await window.start('connect', url);
    await window.shows('Ctrl-D closes');
    await window.type('hello', 'Enter');
    const peer = await socket;
    while (received.length === 0) await once(peer, 'message');
    expect(received).toEqual(['hello']);
    peer.send('{"a":[1,true],"b":"x"}');
    const screen = await window.shows('"b": "x"');
    expect(screen).toContain('< {\n  "a": [\n    1,\n    true\n  ],\n  "b": "x"\n}\n>');
    peer.send(Buffer.from('bytes'));
    await window.shows('00000000  62 79 74 65 73');
    await window.type('C-d');
    await window.shows('status 0');
    expect(await closed).toBe(1000);
  });

  it('keeps the line that is being typed apart from what comes', async () => {
    const { url, socket, received } = await serveOne();
    const window = new Window(path);
    await window.start('connect', url);
    await window.shows('Ctrl-D closes');
    const peer = await socket;
    await window.type('half a l');
    await window.shows('> half a l');
    peer.send('in between');
    expect(await window.shows('< in between')).toMatch(/< in between\n> half a l$/);
    await window.type('ine', 'Enter');
    while (received.length === 0) await once(peer, 'message');
    expect(received).toEqual(['half a line']);
  });

  it('brings earlier lines back', async () => {
    const { url, socket, received } = await serveOne();
    const window = new Window(path);
    await window.start('connect', url);
    await window.shows('Ctrl-D closes');
    const peer = await socket;
    await window.type('first', 'Enter', 'second', 'Enter', 'Up', 'Up', 'Enter');
    while (received.length < 3) await once(peer, 'message');
    expect(received).toEqual(['first', 'second', 'first']);
  });

  it('has colours, and obeys no control character of the other end', async () => {
    const { url, socket } = await serveOne();
    const window = new Window(path);
    await window.start('connect', url);
    await window.shows('Ctrl-D closes');
    (await socket).send('{"evil":"\u009b2J"}');
    (await socket).send('\u001b[2Jcleared');
    const screen = await window.shows('cleared', '-e');
    expect(screen).toContain('Ctrl-D closes');
    expect(screen).toContain('\\u001b[2Jcleared');
    expect(screen).toContain('\u001b[3');
  });

  it('shows how the server closed, in its status too', async () => {
    const { url, socket } = await serveOne();
    const window = new Window(path);
    await window.start('connect', url);
    await window.shows('Ctrl-D closes');
    (await socket).close(4000, 'go away');
    expect(await window.shows('status')).toMatch(/closed \(4000 go away\)\n+status 3/);
  });

  it('says in a line what to do when nobody listens', async () => {
    const window = new Window(path);
    await window.start('connect', 'ws://127.0.0.1:9');
    expect(await window.shows('status 1')).toContain('nothing listens there: is the server running');
  });
});

describeIfInstalled('watershed listen at a terminal', tmux, 'tmux was not found', (path) => {
  it('ends at Ctrl-C', async () => {
    const window = new Window(path);
    await window.start('listen', '0');
    await window.shows('listening on ws://127.0.0.1:');
    await window.type('C-c');
    await window.shows('status 0');
  });
});
