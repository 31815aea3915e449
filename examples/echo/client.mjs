// @ts-check
/**
 * Echo: a client that sends each line of the standard input and prints what comes back. Ctrl-D ends it.
 *
 *   node examples/echo/client.mjs [ws://localhost:8080]
 */

import { createInterface } from 'node:readline';
import { WebSocket } from 'watershed';

const webSocket = new WebSocket(process.argv[2] ?? 'ws://localhost:8080');
let unanswered = 0;
let isInputOver = false;

webSocket.addEventListener('open', () => {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    unanswered++;
    webSocket.send(line);
  });
  lines.on('close', () => {
    isInputOver = true;
    closeIfDone();
  });
  webSocket.addEventListener('close', () => lines.close());
});

webSocket.addEventListener('message', ({ data }) => {
  console.log(data);
  unanswered--;
  closeIfDone();
});

// Once a WebSocket is closing it delivers nothing more: every answer has to be there before.
function closeIfDone() {
  if (isInputOver && unanswered === 0) webSocket.close(1000, 'no more lines');
}

webSocket.addEventListener('error', ({ message }) => {
  console.error(message);
  process.exitCode = 1;
});

webSocket.addEventListener('close', ({ code, reason }) => console.log(`closed: ${code} ${reason}`.trimEnd()));
