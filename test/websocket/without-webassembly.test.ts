/** Where there is no WebAssembly, nor code that is made at run time, the library works, and loads nothing that needs it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const library = new URL('../../dist/index.js', import.meta.url).href;

// As `require` gives it: an `import` of node:http ends the process on Node 22.
const program = `
  const { createServer } = process.getBuiltinModule('node:http');
  const { MessageEvent, WebSocket } = await import('${library}');
  const server = createServer().listen(0);
  server.on('upgrade', (req, socket, head) => {
    const ws = WebSocket.accept(req, socket, head);
    ws.onmessage = ({ data }) => ws.send(data);
  });
  server.on('listening', () => {
    const ws = new WebSocket('ws://127.0.0.1:' + server.address().port);
    ws.onopen = () => ws.send('Größe');
    ws.onmessage = (event) => {
      console.log(event instanceof MessageEvent, event.data);
      ws.close();
      server.close();
    };
  });
`;

it('echoes with --jitless', async () => {
  const args = ['--jitless', '--input-type=module', '-e', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: fileURLToPath(new URL('.', import.meta.url)) });
  expect(stdout).toBe('true Größe\n');
});
