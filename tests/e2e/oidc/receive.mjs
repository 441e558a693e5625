// A stranger's browser, for tests/integration/test_web_push.c.
//
// It says the keys of its subscription, {"p256dh", "auth"}, then for each line
// {"body", "authorization", "origin"} of standard input what it reads: {"text",
// "claims"}, or {"error"}. The body is base64, and so is the text; http_ece
// decrypts it, and jose verifies who it is from.
import { Buffer } from 'node:buffer';
import { createECDH, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';

import ece from 'http_ece';
import { importJWK, jwtVerify } from 'jose';

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const privateKey = createECDH('prime256v1');
privateKey.generateKeys();
const authSecret = randomBytes(16);

function senderKey(point) {
  return importJWK({
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }, 'ES256');
}

async function read({ body, authorization, origin }) {
  const [, token, point] = /^vapid t=(\S+), k=(\S+)$/.exec(authorization);
  const key = await senderKey(Buffer.from(point, 'base64url'));
  const { payload: claims } = await jwtVerify(token, key, {
    algorithms: ['ES256'],
    audience: origin,
    typ: 'JWT',
    requiredClaims: ['exp', 'sub'],
  });
  const text = ece.decrypt(Buffer.from(body, 'base64'), {
    version: 'aes128gcm',
    privateKey,
    authSecret,
  }).toString('base64');
  return { text, claims };
}

say({
  p256dh: privateKey.getPublicKey('base64url'),
  auth: authSecret.toString('base64url'),
});
createInterface({ input: process.stdin }).on('line', async (line) => {
  try {
    say(await read(JSON.parse(line)));
  } catch (error) {
    say({ error: String(error) });
  }
});
