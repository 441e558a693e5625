// Real identity providers on loopback, for test_provider.py.
//
// It says {"issuers": [...]} on standard output when they listen, as many as its
// argument says, then obeys lines on standard input. Each names one by its place:
//   {"at": 0, "keys": [["ES256", "kid"], ...], "sign": "ES256"}: it has these keys
//     from now on, and the first of an algorithm signs. A key is the same each
//     time that it is named.
//   {"at": 0, "logout": "<URL>"}: it tells this URL that the robot is logged out.
// It ends with its standard input.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const RESOURCE = 'https://waypost.example';
// The robot is called as its tokens' audience: what a logout token is for.
const ROBOT = 'waypost';
const keys = new Map();

// It tells of Node's version and of what a real deployment would change.
for (const name of ['log', 'info', 'warn']) {
  console[name] = () => {};
}

async function keyOf([alg, kid]) {
  if (!keys.has(kid)) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(privateKey);
    keys.set(kid, { ...jwk, alg, kid, use: 'sig' });
  }
  return keys.get(kid);
}

async function create(issuer, { keys: wanted, sign, logout }) {
  return new Provider(issuer, {
    jwks: { keys: await Promise.all(wanted.map(keyOf)) },
    // Its own dispatcher does not speak to loopback.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    clients: [{
      client_id: ROBOT,
      client_secret: 'no-secret-at-all',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: sign,
      backchannel_logout_uri: logout,
    }],
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
    },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: () => ({
          scope: 'send',
          audience: ROBOT,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: sign } },
        }),
      },
    },
  });
}

class One {
  answer = (_request, response) => response.writeHead(503).end();
  server = createServer((request, response) => this.answer(request, response));

  async listen() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.issuer = `http://127.0.0.1:${this.server.address().port}`;
    return this.issuer;
  }

  async become(what) {
    this.what = what;
    this.answer = (await create(this.issuer, what)).callback();
  }

  async logout(url) {
    const provider = await create(this.issuer, { ...this.what, logout: url });
    const robot = await provider.Client.find(ROBOT);
    await robot.backchannelLogout(ROBOT, undefined);
  }
}

const all = Array.from({ length: Number(process.argv[2]) }, () => new One());
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const issuers = await Promise.all(all.map((one) => one.listen()));

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    try {
      const { at, logout, ...what } = JSON.parse(line);
      await (logout ? all[at].logout(logout) : all[at].become(what));
      say({ done: true });
    } catch (error) {
      say({ error: String(error) });
    }
  })
  .on('close', () => process.exit(0));
say({ issuers });
