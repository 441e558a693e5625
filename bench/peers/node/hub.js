// The hub on Node and ws, as Debian packages them: JWT, a map of users, pokes
// from Redis. There is no Redis client that Debian has and that subscribes over
// a unix socket without more packages, so its protocol is read here.
//
// usage: JWT_SECRET=… hub.js SOCKET REDIS-SOCKET
"use strict";
const crypto = require("crypto");
const http = require("http");
const net = require("net");
const ws = require("ws");

const secret = process.env.JWT_SECRET;
const users = new Map();
const poke = JSON.stringify({ type: "poke" });

function authenticate(request) {
	const match = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(
		request.headers.authorization || "");
	if (!match)
		return null;
	const header = JSON.parse(Buffer.from(match[1], "base64url"));
	const claims = JSON.parse(Buffer.from(match[2], "base64url"));
	const mac = crypto.createHmac("sha256", secret)
		.update(match[1] + "." + match[2]).digest();
	const given = Buffer.from(match[3], "base64url");
	if (header.alg !== "HS256" || given.length !== mac.length ||
	    !crypto.timingSafeEqual(given, mac) ||
	    !(claims.exp > Date.now() / 1000))
		return null;
	return "urn:sm:user:" + claims.sub;
}

function listen(text) {
	for (const user of text.split(","))
		for (const socket of users.get(user) || [])
			socket.send(poke);
}

// Arrays of strings and numbers, which is all that SUBSCRIBE answers.
function subscribe(path) {
	const redis = net.connect(path);
	let kept = "";
	redis.setEncoding("latin1");
	redis.write("*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\npoke\r\n");
	redis.on("data", (data) => {
		const lines = (kept + data).split("\r\n");
		for (let i = 0; i < lines.length - 1; i++)
			if (lines[i].startsWith("urn:"))
				listen(lines[i]);
		kept = lines[lines.length - 1];
	});
	redis.on("close", () => process.exit(1));
}

// Who is online is noted on a connection of its own.
subscribe(process.argv[3]);
const notes = net.connect(process.argv[3]);
notes.resume();

function command(...words) {
	notes.write(`*${words.length}\r\n` + words.map(
		(word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join(""));
}

const server = http.createServer((request, response) => response.end("OK"));
const hub = new ws.WebSocketServer({ noServer: true,
	perMessageDeflate: false });
server.on("upgrade", (request, socket, head) => {
	const user = authenticate(request);
	if (!user) {
		socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
		return;
	}
	hub.handleUpgrade(request, socket, head, (peer) => {
		const id = crypto.randomUUID();
		if (!users.has(user))
			users.set(user, new Set());
		users.get(user).add(peer);
		command("HSET", "online:" + user, id, String(Date.now()));
		peer.send(JSON.stringify({ type: "connected", connectionId: id,
			user, pending: 0 }));
		peer.on("close", () => {
			users.get(user).delete(peer);
			if (users.get(user).size === 0)
				users.delete(user);
			command("HDEL", "online:" + user, id);
		});
	});
});
server.listen(process.argv[2], 4096);
process.on("SIGTERM", () => process.exit(0));
