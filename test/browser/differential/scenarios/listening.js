/**
 * What the scenarios about events and listeners share.
 */

/** @typedef {import('../recorder.js').Recorder} Recorder */

/**
 * A listener that notes its call.
 *
 * @param {Recorder} recorder
 * @param {string} name
 * @param {(event: any) => unknown} [action]
 */
export function noting(recorder, name, action) {
  return (/** @type {any} */ event) => {
    recorder.note(name, event.type);
    return action?.(event);
  };
}

/**
 * A WebSocket without listeners of the recorder's.
 *
 * @param {Recorder} recorder
 * @param {...string} steps
 */
export function silent(recorder, ...steps) {
  const webSocket = new recorder.WebSocket(recorder.url(...steps));
  recorder.sockets.push(webSocket);
  return webSocket;
}
