// A provider of pushes that does what a test says, good or bad: FCM, APNs, a
// push service of browsers or a webhook, for it takes any POST.
//
// usage: provider.mjs '{"cert": PATH, "key": PATH, "http1"?: true, "streams"?: 100,
//   "address"?: "127.0.0.1", "port"?: 0}'
//
// It says {"port": …} on standard output when it listens, then obeys a line of
// JSON on standard input with a line of JSON:
//   {"tell": TOKEN, "answers": [ANSWER, …]}: so it answers requests with this
//     token from now on, one after the other; the last of them again and again.
//     TOKEN "*" is whoever has none of his own.
//   {"requests": true}: the requests since it was last asked this, oldest
//     first, and how many connections there have been ever. With "ended": true
//     only those that are over; the others come when they are.
//   {"down": true}: every connection is gone, and none can be made
//   {"up": true}: it listens again, where it did
//   {"count": TOKEN}: how many of those there are, of all with "*", and again
//     the connections.
// It ends with its standard input.
//
// A request: "at" and "until", ms since 1970; "status", null when there was no
// answer; "beside", how many others with this token were under way when it
// came; "token", "method", "path", "http", "headers", and "body" as base64.
//
// The token of a request is the last part of its path or, for FCM, what its
// body names. An ANSWER has all of these or none:
//   status (200), headers ({}), body (""; an object is JSON), delay (ms)
//   act: "goaway"  no more requests on this connection; this one is answered
//        "refuse"  it was not begun with (REFUSED_STREAM)
//        "reset"   the stream ends (INTERNAL_ERROR)
//        "destroy" the connection is gone
//        "stall"   there is never an answer
//        "flood"   "bytes" bytes follow the header
//        "drip"    a byte every "every" ms follows the header
import { readFileSync } from 'node:fs';
import { constants, createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';

const options = JSON.parse(process.argv[2]);
const answers = new Map([['*', [{}]]]);
const underWay = new Map(); // token -> how many requests
const sockets = new Set();
let requests = [];
let connections = 0;
let port = options.port ?? 0;

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function tokenOf(path, body) {
  if (path.endsWith(':send')) {
    return JSON.parse(body).message.token;
  }
  return path.slice(path.lastIndexOf('/') + 1);
}

function nextAnswer(token) {
  const left = answers.get(token) ?? answers.get('*');
  return left.length > 1 ? left.shift() : left[0];
}

function flood(response, left) {
  const piece = Buffer.alloc(64 * 1024, 'x');
  while (left > 0) {
    left -= piece.length;
    if (!response.write(piece)) {
      response.once('drain', () => flood(response, left));
      return;
    }
  }
  response.end();
}

function drip(response, every) {
  const timer = setInterval(() => response.write('x'), every);
  response.on('close', () => clearInterval(timer));
}

function act(request, response, answer, record) {
  const { stream } = request;
  if (record.until !== null) {
    return; // whoever asked has not waited for it
  }
  switch (answer.act) {
    case 'refuse':
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    case 'reset':
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return;
    case 'destroy':
      (stream?.session ?? request.socket).destroy();
      return;
    case 'stall':
      return;
    case 'goaway':
      stream.session.goaway(constants.NGHTTP2_NO_ERROR);
      break;
    default:
  }
  record.status = answer.status ?? 200;
  response.writeHead(record.status, answer.headers ?? {});
  if (answer.act === 'flood') {
    flood(response, answer.bytes);
  } else if (answer.act === 'drip') {
    drip(response, answer.every);
  } else {
    const body = answer.body ?? '';
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }
}

function onRequest(request, response) {
  const pieces = [];
  // Who hangs up is no news here.
  response.on('error', () => {});
  request.on('error', () => {});
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const token = tokenOf(request.url, body);
    const answer = nextAnswer(token);
    const beside = underWay.get(token) ?? 0;
    const record = {
      at: Date.now(),
      until: null,
      status: null,
      beside,
      token,
      method: request.method,
      path: request.url,
      http: request.httpVersion,
      headers: { ...request.headers },
      body: body.toString('base64'),
    };
    requests.push(record);
    underWay.set(token, beside + 1);
    response.on('close', () => {
      record.until = Date.now();
      underWay.set(token, underWay.get(token) - 1);
    });
    if (answer.delay) {
      setTimeout(() => act(request, response, answer, record), answer.delay);
    } else {
      act(request, response, answer, record);
    }
  });
}

const tls = {
  cert: readFileSync(options.cert),
  key: readFileSync(options.key),
};
const server = options.http1
  ? createServer(tls, onRequest)
  : createSecureServer({
    ...tls,
    settings: { maxConcurrentStreams: options.streams ?? 100 },
  }, onRequest);
server.on('secureConnection', (socket) => {
  connections += 1;
  sockets.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
});
server.on('sessionError', () => {});
server.on('tlsClientError', () => {});

function obey(what) {
  if (what.tell !== undefined) {
    answers.set(what.tell, what.answers);
    return {};
  }
  if (what.count !== undefined) {
    const { length } = requests.filter(
      ({ token }) => what.count === '*' || what.count === token);
    return { count: length, connections };
  }
  const isMeant = ({ until }) => !what.ended || until !== null;
  const told = { requests: requests.filter(isMeant), connections };
  requests = requests.filter((request) => !isMeant(request));
  return told;
}

function listen(then) {
  server.listen(port, options.address ?? '127.0.0.1', then);
}

function hear(line) {
  const what = JSON.parse(line);
  if (what.up) {
    listen(() => say({}));
    return;
  }
  if (what.down) {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  }
  say(what.down ? {} : obey(what));
}

listen(() => {
  ({ port } = server.address());
  say({ port });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', hear);
  lines.on('close', () => process.exit(0));
});
