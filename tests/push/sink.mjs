// A push service that takes everything and remembers nothing but how much: so
// little that who asks it can be measured.
//
// usage: sink.mjs '{"cert": PATH, "key": PATH, "address"?: "127.0.0.1"}'
//
// It says {"port": …} on standard output when it listens, then answers each
// line of standard input with {"count": …}, the requests so far. It ends with
// its standard input. At /token it gives a token as Google does, and counts
// nothing.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createInterface } from 'node:readline';

const options = JSON.parse(process.argv[2]);
let count = 0;

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

const server = createSecureServer({
  cert: readFileSync(options.cert),
  key: readFileSync(options.key),
  settings: { maxConcurrentStreams: 100 },
});
server.on('sessionError', () => {});
const ACCESS = JSON.stringify({ access_token: 'ya29.sink', expires_in: 3599,
  token_type: 'Bearer' });
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  stream.on('end', () => {
    if (headers[':path'] === '/token') {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end(ACCESS);
      return;
    }
    count += 1;
    stream.respond({ ':status': 200 }, { endStream: true });
  });
  stream.resume();
});
server.listen(0, options.address ?? '127.0.0.1', () => {
  say({ port: server.address().port });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => say({ count }));
  lines.on('close', () => process.exit(0));
});
