/**
 * The warning of a message that says nothing: the standard makes a string of whatever `send` is given, and of most
 * objects that is "[object Object]". It knows no WebSocket.
 */

/** What has been warned of: it is said once. */
const warned = new Set<string>();

/** Warns, once, of a Promise, and once of any other object whose string only says that it is one. */
export function warnOfObject(data: unknown, message: string): void {
  if (typeof data !== 'object' || !/^\[object \w+\]$/.test(message)) return;
  const advice = message === '[object Promise]' ? 'await it first' : 'give JSON.stringify(it), or its bytes';
  if (warned.has(advice)) return;
  warned.add(advice);
  process.emitWarning(`send was given an object and sends the text "${message}": ${advice}`, {
    type: 'WatershedWarning',
    code: 'WATERSHED_OBJECT_SENT',
  });
}
