// What Mozilla runs for its browsers, as far as one browser needs it: a push
// service that the notifier asks over HTTPS, and that hands on over a WebSocket
// what it was given. And the pages of an app beside it, in page/.
//
// usage: autopush.mjs '{"cert": PATH, "key": PATH, "name": HOST}'
//
// It says {"browser": …, "provider": …, "pages": …} on standard output, the
// ports where it listens on loopback: for the browser (dom.push.serverURL), for
// who sends to https://HOST:provider/…, and for the app. Any line on standard
// input is answered with all that has happened so far:
//   "sent":   headers of what it was given for the browser
//   "acked":  how many of these the browser has acknowledged
//   "page":   what the app has told, oldest first
// It ends with its standard input.
//
// Source: the protocol of the push service,
// mozilla-push-service.readthedocs.io/en/latest/design
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createInterface } from 'node:readline';

const options = JSON.parse(process.argv[2]);
const happened = { sent: [], acked: 0, page: [] };
const channels = new Map(); // the last part of an endpoint -> channelID
let browser = null; // the socket of the one that there is
const waiting = []; // pages that wait for it
let ports = {};

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function withBody(request, use) {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => use(Buffer.concat(pieces)));
}

// ---- the WebSocket (RFC 6455), of text that comes unfragmented ----

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

function sendFrame(socket, opcode, payload) {
  const head = payload.length < 126
    ? Buffer.from([0x80 | opcode, payload.length])
    : Buffer.from([0x80 | opcode, 126, payload.length >> 8,
      payload.length & 255]);
  socket.write(Buffer.concat([head, payload]));
}

// The first frame of what has come: {opcode, payload, length}, or null.
function firstFrame(bytes) {
  if (bytes.length < 2) {
    return null;
  }
  let length = bytes[1] & 127;
  let at = 2;
  if (length === 126) {
    length = bytes.length < 4 ? Infinity : bytes.readUInt16BE(2);
    at = 4;
  }
  if (bytes.length < at + 4 + length) {
    return null;
  }
  const mask = bytes.subarray(at, at + 4);
  const payload = bytes.subarray(at + 4, at + 4 + length)
    .map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: bytes[0] & 15, payload, length: at + 4 + length };
}

function onUpgrade(request, socket) {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
    `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
    (request.headers['sec-websocket-protocol']
      ? 'Sec-WebSocket-Protocol: push-notification\r\n\r\n' : '\r\n'));
  let come = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (piece) => {
    come = Buffer.concat([come, piece]);
    for (let frame = firstFrame(come); frame; frame = firstFrame(come)) {
      come = come.subarray(frame.length);
      onFrame(socket, frame);
    }
  });
}

function onFrame(socket, { opcode, payload }) {
  if (opcode === TEXT) {
    onMessage(socket, JSON.parse(payload.toString()));
  } else if (opcode === PING) {
    sendFrame(socket, PONG, payload);
  } else if (opcode === CLOSE) {
    socket.end();
  }
}

function sendMessage(socket, message) {
  sendFrame(socket, TEXT, Buffer.from(JSON.stringify(message)));
}

function onMessage(socket, message) {
  switch (message.messageType) {
    case 'hello':
      browser = socket;
      waiting.splice(0).forEach((response) => response.writeHead(204).end());
      sendMessage(socket, {
        messageType: 'hello',
        status: 200,
        uaid: message.uaid || randomUUID().replaceAll('-', ''),
        use_webpush: true,
        broadcasts: {},
      });
      break;
    case 'register': {
      const token = randomUUID();
      channels.set(token, message.channelID);
      sendMessage(socket, {
        messageType: 'register',
        status: 200,
        channelID: message.channelID,
        pushEndpoint: `https://${options.name}:${ports.provider}/wpush/v2/${token}`,
      });
      break;
    }
    case 'ack':
      happened.acked += message.updates.length;
      break;
    case 'ping':
    case undefined: // {} is a ping, too
      sendMessage(socket, {});
      break;
    default: // what needs no answer
  }
}

// ---- who sends ----

function onPush(request, response) {
  const token = request.url.slice(request.url.lastIndexOf('/') + 1);
  withBody(request, (body) => {
    if (!channels.has(token) || browser === null) {
      response.writeHead(410).end();
      return;
    }
    happened.sent.push({ ...request.headers });
    sendMessage(browser, {
      messageType: 'notification',
      channelID: channels.get(token),
      version: randomUUID(),
      data: body.toString('base64url'),
      headers: { encoding: request.headers['content-encoding'] },
    });
    response.writeHead(201, { TTL: request.headers.ttl }).end();
  });
}

// ---- the app ----

const TYPES = { html: 'text/html', js: 'text/javascript' };

function onPage(request, response) {
  if (request.method === 'POST') {
    withBody(request, (body) => {
      happened.page.push(JSON.parse(body));
      response.writeHead(204).end();
    });
    return;
  }
  if (request.url === '/ready') {
    if (browser === null) {
      waiting.push(response);
    } else {
      response.writeHead(204).end();
    }
    return;
  }
  const name = /^\/(\w+\.(html|js))$/.exec(new URL(request.url, 'x:/').pathname);
  if (name === null) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': TYPES[name[2]] });
  response.end(readFileSync(new URL(`page/${name[1]}`, import.meta.url)));
}

// ---- all of them ----

function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

const forBrowser = createServer();
forBrowser.on('upgrade', onUpgrade);
ports = {
  browser: await listen(forBrowser),
  provider: await listen(createSecureServer({
    cert: readFileSync(options.cert),
    key: readFileSync(options.key),
    allowHTTP1: true,
  }, onPush)),
  pages: await listen(createServer(onPage)),
};
say(ports);
const lines = createInterface({ input: process.stdin });
lines.on('line', () => say(happened));
lines.on('close', () => process.exit(0));
