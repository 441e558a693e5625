// A stranger's opinion of our tokens, for test_issued.py.
//
// Verifies the token in each line {"token", "jwks": URL, "alg", "issuer"} of
// standard input as a service would that trusts our key set, by the library jose;
// says its claims, or {"error"}, on standard output.
import { createInterface } from 'node:readline';

import { createRemoteJWKSet, jwtVerify } from 'jose';

const sets = new Map();
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

function keysAt(url) {
  if (!sets.has(url)) {
    sets.set(url, createRemoteJWKSet(new URL(url)));
  }
  return sets.get(url);
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  try {
    const { token, jwks, alg, issuer } = JSON.parse(line);
    const { payload } = await jwtVerify(token, keysAt(jwks), {
      algorithms: [alg],
      audience: 'waypost',
      issuer,
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
    });
    say(payload);
  } catch (error) {
    say({ error: String(error) });
  }
});
