/** The implementations that are compared: what each is called, and how its process is started. */

/**
 * @typedef {object} PeerProcess
 * @property {string} module  its adapter in peers/
 * @property {'server' | 'client'} [only]  the end that it has, if it has but one
 * @property {string} [package]  where its version stands
 * @property {Record<string, string>} [env]
 */

/** @type {Record<string, PeerProcess>} */
export const peers = {
  watershed: { module: 'watershed' },
  ws: { module: 'ws', package: 'ws', env: { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' } },
  'ws+addons': { module: 'ws', package: 'ws', env: { WS_NO_BUFFER_UTIL: '', WS_NO_UTF_8_VALIDATE: '' } },
  websocket: { module: 'websocket', package: 'websocket' },
  'faye-websocket': { module: 'faye-websocket', package: 'faye-websocket' },
  undici: { module: 'undici', package: 'undici', only: 'client' },
  node: { module: 'node', only: 'client' },
  raw: { module: 'raw' },
};
