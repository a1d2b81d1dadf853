import { WebSocket } from 'ws';
import { errorText } from './messages.js';
import { RpcError, RpcErrorCode } from './rpc-error.js';

const MESSAGE_TOO_BIG = 1009;

/**
 * ws closes a socket by itself when a frame is larger than allowed, before anybody is told, and after the close frame
 * nothing can be sent. It does so through the public `close()`, so the explanation goes out here.
 */
export class RpcSocket extends WebSocket {
  /** Set by the adapter when the socket is accepted. */
  maxPayloadBytes?: number;

  override close(code?: number, reason?: string | Buffer): void {
    if (code !== MESSAGE_TOO_BIG || reason !== undefined || this.readyState !== WebSocket.OPEN) {
      super.close(code, reason);
      return;
    }
    const why = `a frame may have at most ${this.maxPayloadBytes} bytes`;
    this.send(errorText(null, new RpcError(RpcErrorCode.InvalidRequest, `Invalid request: ${why}`)), () => undefined);
    super.close(code, why);
  }
}
