/**
 * The public exports of the package.
 * @module watershed
 */
export { Watershed } from './watershed.js';
export { WatershedConnection, type WatershedConnectionEvents } from './watershed-connection.js';
export {
  CloseEvent,
  MessageEvent,
  WebSocket,
  type WebSocketAcceptOptions,
  type WebSocketEventMap,
} from './websocket/interface.js';
export type { CloseEventInit, EventInit, MessageEventInit, WebSocketErrorEvent } from './websocket/events.js';
export { HandshakeError, ProtocolError, WatershedError, type WatershedErrorCode } from './errors.js';
export type {
  AcceptOptions,
  BroadcastOptions,
  CloseAllOptions,
  ConnectionOptions,
  ConnectOptions,
  HeartbeatOptions,
  OriginPolicy,
  PerMessageDeflateOptions,
  RejectOptions,
  RequestOptions,
  SendOptions,
} from './options.js';
export type { CloseAllResult } from './connection/connection-group.js';
export type { ReadyState } from './connection/closing-handshake.js';
export type {
  CompressionMessage,
  ConnectionMessage,
  EndMessage,
  ErrorMessage,
  FrameMessage,
  StartMessage,
} from './connection/diagnostics.js';
export type { SendCallback } from './connection/frame-writer.js';
export type { Dispatcher, TransportOptions, WebSocketInit, WebSocketOptions } from './handshake/client-options.js';
