// A server of SMTP that takes letters, or does what a test says.
//
// usage: smtp.mjs '{"cert"?: PATH, "key"?: PATH, "tls"?: "starttls"|"implicit",
//   "user"?: NAME, "password"?: TEXT}'
//
// Without "tls" it has none. With a user nobody gets past MAIL who has not said
// his password (AUTH PLAIN or LOGIN); a server with TLS offers that behind it
// alone.
//
// It says {"port": …} on standard output when it listens on loopback, then
// obeys a line of JSON on standard input with a line of JSON:
//   {"tell": ADDRESS, "answer": ANSWER}: so it treats letters to there from now
//     on, with "*" those to whoever has none of his own
//   {"letters": true}: those since it was last asked this, oldest first, and
//     how many connections there have been ever
//   {"count": ADDRESS}: how many letters were taken for there, and the
//     connections again
// It ends with its standard input.
//
// An ANSWER has all of these or none; replies are numbers:
//   hello, mail, rcpt, data, text (250, data 354): to a command, to the letter
//   act: "stall"   there is never a reply to the letter
//        "destroy" the connection is gone behind the letter
//        "deaf"    there is never a reply to QUIT
//        "flood"   the reply to RCPT has no end
//        "line"    nor has the first line of it
// hello and mail are those of the address that was told last.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { TLSSocket, createSecureContext } from 'node:tls';

const options = JSON.parse(process.argv[2]);
const secureContext = options.tls && createSecureContext({
  cert: readFileSync(options.cert),
  key: readFileSync(options.key),
});
const answers = new Map([['*', {}]]);
let latest = {};
let letters = [];
const counts = new Map();
let connections = 0;

function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function answerTo(address) {
  return answers.get(address) ?? answers.get('*');
}

const decode = (text) => Buffer.from(text, 'base64').toString();

class Session {
  constructor(socket) {
    this.isSecure = options.tls === 'implicit';
    this.isKnown = options.user === undefined;
    this.forget();
    this.use(this.isSecure ? this.wrap(socket) : socket);
    this.reply(220, 'smtp.test');
  }

  wrap(socket) {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    socket.on('error', () => {});
    return secure;
  }

  use(socket) {
    this.socket = socket;
    this.rest = '';
    this.dialogue = null; // what the next line is for, if it is no command
    socket.on('error', () => {});
    socket.on('data', (piece) => this.take(socket, piece.toString('latin1')));
  }

  forget() {
    this.from = null;
    this.to = [];
    this.text = [];
  }

  reply(code, text, ...more) {
    const lines = [text, ...more];
    this.socket.write(lines.map((line, i) =>
      `${code}${i === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join(''));
  }

  take(socket, piece) {
    if (socket !== this.socket) {
      return; // of before STARTTLS: nothing said there counts behind it
    }
    this.rest += piece;
    let end;
    while (this.socket === socket && (end = this.rest.indexOf('\r\n')) >= 0) {
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 2);
      if (this.dialogue) {
        this.dialogue(line);
      } else {
        this.command(line);
      }
    }
  }

  command(line) {
    const verb = line.split(' ')[0].toUpperCase();
    switch (verb) {
      case 'EHLO':
      case 'HELO':
        return this.hello(line);
      case 'STARTTLS':
        if (options.tls !== 'starttls' || this.isSecure) {
          return this.reply(502, 'not here');
        }
        this.reply(220, 'go on');
        this.isSecure = true;
        this.forget();
        this.socket.removeAllListeners('data');
        return this.use(this.wrap(this.socket));
      case 'AUTH':
        return this.auth(line.split(' ').slice(1));
      case 'MAIL':
        return this.mail(line);
      case 'RCPT':
        return this.rcpt(line);
      case 'DATA':
        return this.data();
      case 'RSET':
        this.forget();
        return this.reply(250, 'ok');
      case 'QUIT':
        if (latest.act === 'deaf') {
          return undefined;
        }
        this.reply(221, 'bye');
        return this.socket.end();
      default:
        return this.reply(500, 'what');
    }
  }

  hello(line) {
    const more = ['8BITMIME'];
    if (options.tls === 'starttls' && !this.isSecure) {
      more.push('STARTTLS');
    } else if (options.user !== undefined) {
      more.push('AUTH PLAIN LOGIN');
    }
    this.greeted = line.slice(5);
    this.reply(latest.hello ?? 250, 'smtp.test', ...more);
  }

  // RFC 4954, RFC 4616
  auth([kind, initial]) {
    const judge = (user, password) => {
      this.dialogue = null;
      this.isKnown = user === options.user && password === options.password;
      this.reply(this.isKnown ? 235 : 535, this.isKnown ? 'welcome' : 'no');
    };
    const plain = (text) => {
      const [, user, password] = decode(text).split('\0');
      judge(user, password);
    };
    const login = (user) => {
      this.dialogue = (password) => judge(decode(user), decode(password));
      this.reply(334, 'UGFzc3dvcmQ6');
    };
    const next = kind.toUpperCase() === 'PLAIN' ? plain : login;
    if (initial !== undefined) {
      next(initial);
    } else {
      this.dialogue = next;
      this.reply(334, kind.toUpperCase() === 'PLAIN' ? '' : 'VXNlcm5hbWU6');
    }
  }

  mail(line) {
    const status = this.isKnown ? latest.mail ?? 250 : 530;
    this.forget();
    if (status === 250) {
      this.from = line.match(/<([^>]*)>/)?.[1];
    }
    this.reply(status, 'sender');
  }

  rcpt(line) {
    const address = line.match(/<([^>]*)>/)?.[1];
    const answer = answerTo(address);
    if (answer.act === 'flood' || answer.act === 'line') {
      const end = answer.act === 'flood' ? '\r\n' : '';
      const timer = setInterval(() =>
        this.socket.write(`250-on and on${end}`.repeat(1000)), 1);
      this.socket.on('close', () => clearInterval(timer));
      return;
    }
    if (this.from === null) {
      this.reply(503, 'who');
    } else {
      if ((answer.rcpt ?? 250) === 250) {
        this.to.push(address);
      }
      this.reply(answer.rcpt ?? 250, 'recipient');
    }
  }

  data() {
    const status = answerTo(this.to[0]).data ?? 354;
    if (this.to.length === 0 || status !== 354) {
      this.reply(this.to.length === 0 ? 503 : status, 'data');
      return;
    }
    this.dialogue = (line) => {
      if (line !== '.') {
        this.text.push(line.startsWith('.') ? line.slice(1) : line);
        return;
      }
      this.dialogue = null;
      this.end();
    };
    this.reply(354, 'go on');
  }

  end() {
    const answer = answerTo(this.to[0]);
    const status = answer.text ?? 250;
    if (status === 250) {
      for (const address of this.to) {
        counts.set(address, (counts.get(address) ?? 0) + 1);
      }
      letters.push({ at: Date.now(), from: this.from, to: this.to,
        text: this.text.join('\r\n'), greeted: this.greeted,
        secure: this.isSecure, known: this.isKnown });
    }
    this.forget();
    if (answer.act === 'destroy') {
      this.socket.destroy();
    } else if (answer.act !== 'stall') {
      this.reply(status, 'letter');
    }
  }
}

function obey(what) {
  if (what.tell !== undefined) {
    answers.set(what.tell, what.answer);
    latest = what.answer;
    return {};
  }
  if (what.count !== undefined) {
    return { count: counts.get(what.count) ?? 0, connections };
  }
  const told = { letters, connections };
  letters = [];
  return told;
}

const server = createServer((socket) => {
  connections += 1;
  return new Session(socket);
});
server.listen(0, '127.0.0.1', () => {
  say({ port: server.address().port });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => say(obey(JSON.parse(line))));
  lines.on('close', () => process.exit(0));
});
