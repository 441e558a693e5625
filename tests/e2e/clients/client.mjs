// A WebSocket client of somebody else's making, for test_websocket_clients.py.
//
// usage: client.mjs ws|websocket|faye-websocket|undici
//
// Each line of standard input is {"open": url, "token", "deflate"}, which ends
// the connection before it, {"text"}, {"binary": bytes} or {"close": code,
// "reason"}. Whatever happens then is a line of standard output: {"event":
// "open", "protocol", "extensions"}, {"event": "text", "text"}, {"event":
// "closed", "code", "reason"} or {"event": "failed", "why"}.
import { createInterface } from 'node:readline';

const say = (event, what) =>
  process.stdout.write(`${JSON.stringify({ event, ...what })}\n`);
const why = (error) => String(error?.message || error);

// Each gives { send(text or Buffer), close(code, reason) }.
const LIBRARIES = {
  async ws() {
    const { WebSocket } = await import('ws');
    return (url, protocols, deflate) => {
      const socket = new WebSocket(url, protocols, {
        perMessageDeflate: deflate,
      });
      socket.on('open', () => say('open', {
        protocol: socket.protocol, extensions: socket.extensions,
      }));
      socket.on('message', (data) => say('text', { text: data.toString() }));
      socket.on('close', (code, reason) =>
        say('closed', { code, reason: reason.toString() }));
      socket.on('error', (error) => say('failed', { why: why(error) }));
      return socket;
    };
  },

  async websocket() {
    const { default: websocket } = await import('websocket');
    return (url, protocols) => {
      const client = new websocket.client();
      const socket = {};
      client.on('connectFailed', (error) =>
        say('failed', { why: why(error) }));
      client.on('connect', (connection) => {
        socket.send = (data) => connection.send(data);
        socket.close = (code, reason) => connection.close(code, reason);
        connection.on('message', (message) =>
          say('text', { text: message.utf8Data }));
        connection.on('close', (code, reason) =>
          say('closed', { code, reason }));
        say('open', {
          protocol: connection.protocol,
          extensions: connection.extensions.map((each) => each.name).join(),
        });
      });
      client.connect(url, protocols);
      return socket;
    };
  },

  async 'faye-websocket'() {
    const { default: faye } = await import('faye-websocket');
    const { default: permessageDeflate } = await import('permessage-deflate');
    return (url, protocols, deflate) => {
      const socket = new faye.Client(url, protocols, {
        extensions: deflate ? [permessageDeflate] : [],
      });
      socket.on('open', () => say('open', {
        protocol: socket.protocol,
        extensions: socket.headers['sec-websocket-extensions'] ?? '',
      }));
      socket.on('message', ({ data }) => say('text', { text: data }));
      socket.on('close', ({ code, reason }) =>
        say('closed', { code, reason }));
      socket.on('error', (error) => say('failed', { why: why(error) }));
      return socket;
    };
  },

  async undici() {
    const { WebSocket } = await import('undici');
    return (url, protocols) => {
      const socket = new WebSocket(url, protocols);
      socket.addEventListener('open', () => say('open', {
        protocol: socket.protocol, extensions: socket.extensions,
      }));
      socket.addEventListener('message', ({ data }) =>
        say('text', { text: data }));
      socket.addEventListener('close', ({ code, reason }) =>
        say('closed', { code, reason }));
      socket.addEventListener('error', ({ error }) =>
        say('failed', { why: why(error) }));
      return socket;
    };
  },
};

const open = await LIBRARIES[process.argv[2]]();
let socket;

createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line);
  if (told.open) {
    socket = open(told.open, ['waypost.v1', told.token], told.deflate);
  } else if (told.text !== undefined) {
    socket.send(told.text);
  } else if (told.binary) {
    socket.send(Buffer.alloc(told.binary));
  } else {
    socket.close(told.close, told.reason);
  }
}).on('close', () => process.exit(0));
say('ready', {});
