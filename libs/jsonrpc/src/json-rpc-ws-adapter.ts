import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { Logger, type INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import type { MessageMappingProperties } from '@nestjs/websockets';
import type { Server } from 'ws';
import { Dispatcher } from './dispatcher.js';
import { drainConnection } from './drain.js';
import { ErrorReporter } from './error-reporter.js';
import { Heartbeat } from './heartbeat.js';
import { JsonRpcShutdown } from './json-rpc.module.js';
import { scanMethods } from './method-scan.js';
import { resolveOptions, type JsonRpcSettings, type JsonRpcWsOptions } from './options.js';
import type { RpcConnection } from './rpc-connection.js';
import { RpcSocket } from './rpc-socket.js';
import { UpgradeGate } from './upgrade-gate.js';
import { WsRpcConnection } from './ws-connection.js';

type RpcServer = Server<typeof RpcSocket>;

interface Peer {
  connection: WsRpcConnection;
  dispatcher: Dispatcher;
}

/**
 * JSON-RPC 2.0 over WebSocket: `app.useWebSocketAdapter(new JsonRpcWsAdapter(app, options))`, before `app.listen()`.
 * Frames go through Nest's guards, interceptors, pipes and handlers; all limits are in {@link JsonRpcWsOptions}.
 */
export class JsonRpcWsAdapter extends WsAdapter {
  protected override readonly logger = new Logger('JsonRpc');
  private readonly settings: JsonRpcSettings;
  private readonly errors: ErrorReporter;
  private readonly gate: UpgradeGate;
  private readonly heartbeat: Heartbeat;
  private readonly peers = new Map<RpcSocket, Peer>();
  private drained: Promise<void> | undefined;
  private isDisposed = false;

  /** Throws when a limit or a `@RpcMethod()` of the application cannot be: see {@link scanMethods}. */
  constructor(app: INestApplicationContext, options: JsonRpcWsOptions = {}) {
    super(app);
    scanMethods(app.get(ModulesContainer));
    this.settings = resolveOptions(options);
    this.errors = new ErrorReporter(this.settings.errorMapper);
    this.gate = new UpgradeGate(this.settings, () => this.peers.size);
    this.heartbeat = new Heartbeat(this.settings.heartbeatIntervalMs, () => this.open());
    JsonRpcShutdown.of(app)?.add(() => this.drain());
  }

  /** All open connections, of all paths. */
  connections(): RpcConnection[] {
    return this.open();
  }

  /**
   * Stops taking requests, lets running ones end, then closes all sockets with 1001. Never rejects, and is done only
   * once. `JsonRpcModule` calls it in `beforeApplicationShutdown`; without that module, the closing of the servers does.
   */
  drain(): Promise<void> {
    this.drained ??= this.drainAll().catch((error: unknown) => this.logger.error(error));
    return this.drained;
  }

  /** Nest calls this once for every path, at boot. */
  override create(port: number, options: Parameters<WsAdapter['create']>[1] = {}): RpcServer {
    const server: RpcServer = super.create(port, {
      ...options,
      WebSocket: RpcSocket,
      autoPong: false,
      maxPayload: this.settings.maxPayloadBytes,
      perMessageDeflate: false,
      verifyClient: this.gate.verify,
    });
    // Before Nest's own listeners, which bind the gateways to the client.
    server.on('connection', (socket, request) => this.accept(socket, request));
    this.heartbeat.start();
    return server;
  }

  /** Nest calls this for each client once for every gateway on the path; they share the client's table. */
  override bindMessageHandlers(socket: RpcSocket, handlers: MessageMappingProperties[]): void {
    const dispatcher = this.peers.get(socket)?.dispatcher;
    for (const { message, callback } of handlers) {
      if (dispatcher && !dispatcher.register(String(message), callback)) {
        this.logger.error(`JSON-RPC method "${String(message)}" is registered twice; the first one counts`);
      }
    }
  }

  /** What clients send can make these errors, so they are not loud. */
  override bindErrorHandler(server: RpcServer): RpcServer {
    server.on('connection', (socket) => socket.on('error', (error) => this.logger.debug(error.message)));
    server.on('error', (error) => this.logger.error(error));
    return server;
  }

  override async close(server: RpcServer): Promise<void> {
    await this.drain();
    await super.close(server);
  }

  /** Nest's own listener for upgrades goes here: a socket that asks for one later would be kept by nobody, for ever. */
  override async dispose(): Promise<void> {
    this.isDisposed = true;
    await super.dispose();
  }

  protected override ensureHttpServerExists(port: number, httpServer?: HttpServer): HttpServer | undefined {
    const added = super.ensureHttpServerExists(port, httpServer);
    const delegate = added?.listeners('upgrade').at(-1);
    if (!added || !delegate) return added;
    // Nest's own listener, behind ours: it hangs up without an answer where no gateway is.
    added.off('upgrade', delegate as () => void);
    added.on('upgrade', (request, socket: Duplex, head) => {
      // An upgrade that is refused before ws sees it leaves its socket without a listener: a reset would end the process.
      socket.on('error', () => socket.destroy());
      if (this.isDisposed) socket.destroy();
      else if (this.hasGateway(port, request.url ?? '')) delegate.call(added, request, socket, head);
      else refuseUpgrade(socket);
    });
    return added;
  }

  private hasGateway(port: number, url: string): boolean {
    const base = 'ws://host/';
    if (!URL.canParse(url, base)) return false;
    const { pathname } = new URL(url, base);
    return (this.wsServersRegistry.get(port) ?? []).some(({ path }: RpcServer) => path === pathname);
  }

  private open(): WsRpcConnection[] {
    return [...this.peers.values()].map(({ connection }) => connection);
  }

  private accept(socket: RpcSocket, request: IncomingMessage): void {
    socket.maxPayloadBytes = this.settings.maxPayloadBytes;
    const connection = new WsRpcConnection(socket, request, this.gate.stateOf(request), this.settings);
    const dispatcher = new Dispatcher(connection, this.settings, this.errors);
    this.peers.set(socket, { connection, dispatcher });
    socket.on('message', (frame: Buffer) => dispatcher.receive(frame));
    connection.onClose(() => {
      this.peers.delete(socket);
      dispatcher.abortAll('disconnected');
      dispatcher.abandonAll();
    });
  }

  private async drainAll(): Promise<void> {
    this.gate.shut();
    await Promise.all(
      [...this.peers.values()].map(({ connection, dispatcher }) =>
        drainConnection(connection, dispatcher, this.settings),
      ),
    );
    this.heartbeat.stop();
  }
}

function refuseUpgrade(socket: Duplex): void {
  const body = 'There is no WebSocket at this address';
  const head = [
    'HTTP/1.1 404 Not Found',
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
