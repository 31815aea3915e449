// A test for Jest: one message there and back, with the package as each kind of module gets it.
const test = `
test('a message goes there and back', async () => {
  const server = http.createServer();
  server.on('upgrade', (request, socket, head) => {
    const connection = new Watershed().accept(request, socket, head);
    connection.on('binary', (bytes) => connection.send(bytes));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  const key = Watershed.generateKey();
  const request = http.request({ port: server.address().port, headers: Watershed.requestHeaders(key) });
  request.end();
  const answer = await new Promise((resolve) => {
    request.on('upgrade', (response, socket, head) => {
      const connection = new Watershed().connect(response, socket, head, key);
      connection.send(new Uint8Array([1, 2, 3]));
      connection.on('binary', (bytes) => {
        connection.on('end', () => server.close(() => resolve(bytes)));
        connection.end();
      });
    });
  });
  expect([...answer]).toEqual([1, 2, 3]);
});
`;

export const importingTest = `import * as http from 'node:http';\nimport { Watershed } from 'watershed';\n${test}`;
export const requiringTest = `const http = require('node:http');\nconst { Watershed } = require('watershed');\n${test}`;
