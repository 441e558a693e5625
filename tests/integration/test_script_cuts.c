/*
 * A script is isolated, not transactional: an error half-way keeps its writes.
 * Here every script that writes is cut off after each of its calls into Redis,
 * run again as a whole, and must end where an undisturbed run ends.
 *
 * heartbeat has a test of its own: nobody runs it again. What it handed over is
 * gone when its answer is, and the daemon starts anew with another incarnation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/scripts.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { COMMANDS_MAX = 12, CALLS_MAX = 200 };

/*
 * Takes the number of the call to fail at, 0 for none, as one more argument. No
 * call gets through behind that, though the script catches the error.
 */
static const char prologue[] =
	"local real, left = redis, tonumber(table.remove(ARGV))\n"
	"local is_cut = false\n"
	"local function cut(f)\n"
	"  return function(...)\n"
	"    if is_cut then error('cut here') end\n"
	"    local result = f(...)\n"
	"    left = left - 1\n"
	"    is_cut = left == 0\n"
	"    if is_cut then error('cut here') end\n"
	"    return result\n"
	"  end\n"
	"end\n"
	"local redis = setmetatable({call = cut(real.call),\n"
	"  pcall = cut(real.pcall)}, {__index = real})\n";

struct scene {
	const char *name; /* in a failure's message */
	enum wp_script script;
	const char *other; /* a second partition of the call, or NULL */
	const char *setup[COMMANDS_MAX];
	/* "@", bits and a name stand for an entry, of the last user that was
	 * named before. */
	const char *args;
	const char *observe[COMMANDS_MAX];
};

/* One field of every entry that has names: ids differ from run to run. */
#define FIELD(stream, at)                                           \
	"EVAL local\tt={}for\t_,x\tin\tipairs(redis.call('XRANGE'," \
	"KEYS[1],'-','+'))do\tt[#t+1]=x[2][" at                     \
	"]end\treturn\tt 1 " WP_P stream
/* Members alone: times differ from run to run. */
#define SORTED(zset)                                                         \
	"EVAL local\tt=redis.call('ZRANGE',KEYS[1],0,-1)table.sort(t)return" \
	"\tt 1 " WP_P zset
#define NAMES(key) WP_ENVELOPES(WP_P key)
#define HOT(key, id, name) WP_PUT_HOT(WP_P key, id, WP_ALIVE, "0", name)
#define ACCEPT(user, bits, id, name) \
	WP_PUT_INGRESS(WP_P "ingress", id, user, bits, WP_ALIVE, name)
#define EXPIRED(key, id, name) WP_PUT_HOT(WP_P key, id, "7", "0", name)
#define BURY(entry, id, name)                \
	"XADD " WP_P "dlq " entry " id " id  \
	" reason why tries 3 at 1 u " WP_BOB \
	" b 0 f  x 99999999999999 e " name
#define EVE "urn:sm:user:eve"
#define SESSION "session:00ff00ff00ff00ff00ff00ff00ff00ff"
#define SESSION_IS(generation, used, life)                                \
	"HSET " WP_P SESSION " u " WP_BOB " g " generation " r 1 k " used \
	" v " life " x 9999999999 d phone y 20000"
#define REVOKED(id, key, forget_s) \
	"XADD " WP_P " " id " h " key " b 5 x " forget_s
/* Keys in a stream of what was revoked; being there twice changes nothing. */
#define DISTINCT                                                           \
	"EVAL local\tt,has={},{}for\t_,x\tin\tipairs(redis.call('XRANGE'," \
	"KEYS[1],'-','+'))do\tlocal\tk=x[2][2]if\tnot\thas[k]then"         \
	"\thas[k]=1\tt[#t+1]=k\tend\tend\ttable.sort(t)return\tt 1 " WP_P

static const struct scene scenes[] = {
	{
		.name = "send",
		.script = WP_SCRIPT_SEND,
		.setup = { "SETEX " WP_P "other 100 x" },
		.args = "run 100 24 1000 1000000 0 3 " WP_BOB
			" 9000 @0m1 aaaaaaaaaaaaaaaadddddddddddddddd " WP_BOB
			" 9000 @3m2 bbbbbbbbbbbbbbbbdddddddddddddddd " WP_AMY
			" 9000 @0m3 ccccccccccccccccdddddddddddddddd",
		.observe = { NAMES("ingress"), WP_RECIPIENTS(WP_P "ingress"),
			     "EXISTS " WP_P "intent" },
	},
	{
		.name = "send, the short way",
		.script = WP_SCRIPT_SEND,
		.setup = { "SET " WP_P "owner 1:own",
			   HOT("hot:" WP_BOB, "1-2", "m2") },
		.args = "run 100 24 1000 1000000 0 1 " WP_BOB " 9000 @0m3 ",
		.observe = { "GET nothing" },
	},
	{
		.name = "send, nearly full",
		.script = WP_SCRIPT_SEND,
		.setup = { EXPIRED("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   HOT("hot!:" WP_BOB, "1-3", "h1") },
		.args = "run 100 24 1000 6 0 1 " WP_BOB " 9000 @0m3 ",
		.observe = { "GET nothing" },
	},
	{
		.name = "send, nearly full and without an index",
		.script = WP_SCRIPT_SEND,
		.setup = { EXPIRED("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   "ZADD " WP_P "index:" WP_BOB " 1 left-behind",
			   HOT("hot!:" WP_BOB, "1-3", "h1") },
		.args = "run 100 24 1000 6 0 1 " WP_BOB " 9000 @0m3 ",
		.observe = { "GET nothing" },
	},
	{
		/* How much was charged depends on the time. */
		.name = "limit",
		.script = WP_SCRIPT_LIMIT,
		.args = "send 0011223344556677 100000 0 2000000 10000000 "
			"20000000",
		.observe = { "EXISTS " WP_P "rate:send:0011223344556677" },
	},
	{
		.name = "route",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "1", "2-1", "a1"),
			   ACCEPT(WP_BOB, "2", "3-1", "m2"),
			   ACCEPT(EVE, "0", "4-1", "e1"),
			   ACCEPT(WP_BOB, "0", "5-1", "m3"),
			   "SET " WP_P "hot:" EVE " not-a-stream",
			   "HSET " WP_P "online:" WP_AMY " i1.1 5 i1.2 6",
			   "HSET " WP_P "tries 1-1 1" },
		.args = "run 100 1000000 1 1000,60000 token 1:own 0 1 0  0",
		.observe = { "XLEN " WP_P "ingress", NAMES("hot:" WP_BOB),
			     NAMES("hot!:" WP_AMY),
			     "ZRANGE " WP_P "migrate 0 -1",
			     "SMEMBERS " WP_P "due:i1",
			     "EXISTS " WP_P "tries " WP_P "dlq",
			     SORTED("pushdue"), "GET " WP_P "notified:" WP_BOB,
			     "EXISTS " WP_P "notified:" WP_AMY },
	},
	{
		.name = "route, the high band of who is away",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "1", "1-1", "h1"),
			   ACCEPT(WP_AMY, "1", "2-1", "h2"),
			   "ZADD " WP_P "pushdue 99999999999999 " WP_BOB
			   " 99999999999999 " WP_AMY,
			   "HSET " WP_P "pushed:" WP_AMY " claim c1 busy 1" },
		.args = "run 100 1000000 1 1000,60000 token 1:own 0 1 0  0",
		.observe = { "XLEN " WP_P "ingress",
			     "SMEMBERS " WP_P "pushhigh",
			     "ZRANGEBYSCORE " WP_P
			     "pushdue 99999999999999 +inf",
			     "ZCARD " WP_P "pushdue",
			     "GET " WP_P "notified:" WP_AMY },
	},
	{
		.name = "route, careful",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "1", "2-1", "a1"),
			   "HSET " WP_P "online:" WP_AMY " i1.1 5" },
		.args = "run 100 1000000 9 1000,60000 token 1:own 1 1 0  0",
		.observe = { "XLEN " WP_P "ingress", NAMES("hot:" WP_BOB),
			     NAMES("hot!:" WP_AMY),
			     "ZRANGE " WP_P "migrate 0 -1",
			     "SMEMBERS " WP_P "due:i1",
			     "EXISTS " WP_P "tries " WP_P "dlq",
			     "ZRANGE " WP_P "expiry 0 -1 WITHSCORES",
			     "GET " WP_P "notified:" WP_BOB },
	},
	{
		/* N2: nobody may tell from ingress that it was. */
		.name = "route, straight to the cold store",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(EVE, "2", "1-2", "e1"),
			   ACCEPT(WP_AMY, "0", "2-1", "a1"),
			   ACCEPT(EVE, "1", "2-2", "e2"),
			   ACCEPT(WP_BOB, "1", "3-1", "h1"),
			   "HSET " WP_P "online:" WP_AMY " i1.1 5",
			   "HSET " WP_P "tries 3-1 1",
			   WP_WORLD_HINT(EVE, "old_7000_5_2_9") },
		.args = "run 100 1000000 3 1000,60000 token 1:own 0 1 1  "
			"1 " WP_BOB " 9",
		.observe = { NAMES("ingress"), "HGETALL " WP_P "cold",
			     NAMES("hot:" WP_AMY), "SMEMBERS " WP_P "due:i1",
			     "EXISTS " WP_P "hot:" WP_BOB " " WP_P
			     "hot!:" WP_BOB " " WP_P "hot!:" EVE " " WP_P
			     "tries " WP_P "migrate " WP_P "pushdue",
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		.name = "route, past what is on its way",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "0", "1-2", "a1"),
			   ACCEPT(WP_BOB, "0", "2-1", "m2"),
			   ACCEPT(WP_AMY, "0", "2-2", "a2"),
			   "HSET " WP_P "online:" WP_AMY " i1.1 5",
			   WP_WORLD_HINT(WP_BOB, "old_7000_5_2_9") },
		.args = "run 100 1000000 3 1000,60000 token 1:own 0 1 1  "
			"1 " WP_BOB " way",
		.observe = { NAMES("ingress"), "HGETALL " WP_P "cold",
			     NAMES("hot:" WP_AMY), "EXISTS " WP_P "hot:" WP_BOB,
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		.name = "route, for who has come back to what is on its way",
		.script = WP_SCRIPT_ROUTE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "0", "1-2", "a1"),
			   ACCEPT(EVE, "0", "2-1", "e1"),
			   ACCEPT(WP_AMY, "0", "2-2", "a2"),
			   ACCEPT(WP_BOB, "0", "2-3", "m2"),
			   "HSET " WP_P "online:" WP_AMY " i1.1 5",
			   WP_WORLD_HINT(WP_BOB, "old_7000_5_2_9") },
		.args = "run 100 1000000 3 1000,60000 token 1:own 0 1 1 1-2 "
			"2 " WP_BOB " way " WP_AMY " way",
		.observe = { NAMES("ingress"), "HGETALL " WP_P "cold",
			     NAMES("hot:" WP_AMY), "EXISTS " WP_P "hot:" WP_BOB,
			     "SMEMBERS " WP_P "due:i1",
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		.name = "route, two partitions",
		.script = WP_SCRIPT_ROUTE,
		.other = "wp:{8}:",
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "3", "2-1", "a1"),
			   "HSET " WP_P "online:" WP_BOB " i1.1 5",
			   "SET wp:{8}:owner 2:own", "SET wp:{8}:gate run",
			   WP_PUT_INGRESS("wp:{8}:ingress", "1-1", EVE, "0",
					  WP_ALIVE, "e1") },
		.args = "run 100 1000000 3 1000,60000 token 1:own 0 1 0  0 "
			"2:own 0 1 0  0",
		.observe = { "XLEN " WP_P "ingress", "XLEN wp:{8}:ingress",
			     NAMES("hot:" WP_BOB), "SMEMBERS " WP_P "due:i1",
			     WP_ENVELOPES("wp:{8}:hot:" EVE),
			     "ZRANGE wp:{8}:migrate 0 -1",
			     "GET wp:{8}:notified:" EVE },
	},
	{
		.name = "ack",
		.script = WP_SCRIPT_ACK,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "0", "9-1", "a1"),
			   HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   HOT("hot!:" WP_BOB, "1-3", "h1"),
			   "HSET " WP_P "tries 1-1 1",
			   WP_WORLD_HINT(WP_BOB, "token_-_-_0_0") },
		.args = "run " WP_BOB " 1 1-1 1-3",
		.observe = { NAMES("hot:" WP_BOB),
			     "EXISTS " WP_P "hot!:" WP_BOB " " WP_P "tries",
			     NAMES("ingress"), "HGETALL " WP_P "cold" },
	},
	{
		.name = "ack of what was half routed",
		.script = WP_SCRIPT_ACK,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   ACCEPT(WP_BOB, "0", "1-2", "m2"),
			   ACCEPT(WP_AMY, "0", "1-3", "a1"),
			   ACCEPT(WP_BOB, "0", "1-4", "m3"),
			   ACCEPT(WP_BOB, "0", "1-5", "m4"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   HOT("hot:" WP_BOB, "1-4", "m3") },
		.args = "run " WP_BOB " 3 1-1 1-2 1-4",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB, NAMES("ingress") },
	},
	{
		.name = "ack of everything",
		.script = WP_SCRIPT_ACK,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot!:" WP_BOB, "1-3", "h1"),
			   "ZADD " WP_P "expiry 9 " WP_BOB },
		.args = "run " WP_BOB " 1 1-1 1-3",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB " " WP_P
			     "hot!:" WP_BOB " " WP_P "expiry" },
	},
	{
		.name = "prepare",
		.script = WP_SCRIPT_PREPARE,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot!:" WP_BOB, "1-2", "h1"),
			   "ZADD " WP_P "migrate 1 " WP_BOB },
		.args = "1:own 60000 " WP_BOB " token",
		.observe = { NAMES("hot:" WP_BOB), NAMES("hot!:" WP_BOB),
			     "HGETALL " WP_P "cold",
			     "ZRANGE " WP_P "migrate 0 -1" },
	},
	{
		.name = "prepare, under a hint",
		.script = WP_SCRIPT_PREPARE,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "ZADD " WP_P "migrate 1 " WP_BOB,
			   WP_WORLD_HINT(WP_BOB, "old_7000_5_2_9") },
		.args = "1:own 60000 " WP_BOB " token",
		.observe = { NAMES("hot:" WP_BOB), "HGETALL " WP_P "cold",
			     "ZRANGE " WP_P "migrate 0 -1" },
	},
	{
		.name = "prepare, user online",
		.script = WP_SCRIPT_PREPARE,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "HSET " WP_P "online:" WP_BOB " i1.1 5",
			   "ZADD " WP_P "migrate 1 " WP_BOB },
		.args = "1:own 60000 " WP_BOB " token",
		.observe = { NAMES("hot:" WP_BOB),
			     "EXISTS " WP_P "cold " WP_P "migrate" },
	},
	{
		.name = "trim",
		.script = WP_SCRIPT_TRIM,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot!:" WP_BOB, "1-2", "h1"),
			   "ZADD " WP_P "migrate 1 " WP_BOB,
			   "ZADD " WP_P "expiry 9 " WP_BOB },
		.args = WP_BOB " 0 0 0 1 0 1-1 1-2",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB " " WP_P
			     "hot!:" WP_BOB " " WP_P "migrate " WP_P "expiry" },
	},
	{
		.name = "trim, something left",
		.script = WP_SCRIPT_TRIM,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-3", "m3"),
			   HOT("hot!:" WP_BOB, "1-2", "h1"),
			   "ZADD " WP_P "migrate 1 " WP_BOB,
			   WP_WORLD_HINT(WP_BOB, "token_7000_4_9_9") },
		.args = WP_BOB " 5 2 9 1 0 1-1 1-2",
		.observe = { NAMES("hot:" WP_BOB),
			     "EXISTS " WP_P "hot!:" WP_BOB,
			     "ZRANGE " WP_P "migrate 0 -1",
			     "HGETALL " WP_P "cold" },
	},
	{
		.name = "trim, ephemeral",
		.script = WP_SCRIPT_TRIM,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot!:" WP_BOB, "1-3", "e3"),
			   "ZADD " WP_P "migrate 1 " WP_BOB },
		.args = WP_BOB " 5 1 9 1 1 1-1 1-3",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB " " WP_P
			     "hot!:" WP_BOB " " WP_P "migrate" },
	},
	{
		.name = "migrate_later",
		.script = WP_SCRIPT_MIGRATE_LATER,
		.setup = { "ZADD " WP_P "migrate 1 " WP_BOB " 2 " WP_AMY },
		.args = "1:own 0 " WP_BOB,
		.observe = { "ZRANGE " WP_P "migrate 0 -1" },
	},
	{
		.name = "audit of a user",
		.script = WP_SCRIPT_AUDIT,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot!:" WP_BOB, "1-2", "h1"),
			   "XDEL " WP_P "hot!:" WP_BOB " 1-2",
			   "HSET " WP_P "live i2 0",
			   "HSET " WP_P "online:" WP_BOB " i1.1 5 i1.2 6" },
		.args = "user " WP_BOB " 10 100 run 1000,60000",
		.observe = { "EXISTS " WP_P "online:" WP_BOB " " WP_P
			     "hot!:" WP_BOB,
			     "EXISTS " WP_P "hot:" WP_BOB,
			     "ZRANGE " WP_P "migrate 0 -1",
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		.name = "audit of an incarnation",
		.script = WP_SCRIPT_AUDIT,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "HSET " WP_P "online:" WP_BOB " i1.1 5",
			   "EVAL return\tredis.call('SADD',KEYS[1],'i1.1\\32'.."
			   "KEYS[2]) 2 " WP_P "at:i1 " WP_BOB,
			   "SADD " WP_P "due:i1 " WP_BOB },
		.args = "incarnation i1 10 100 run 1000,60000",
		.observe = { "EXISTS " WP_P "online:" WP_BOB " " WP_P
			     "at:i1 " WP_P "due:i1",
			     "ZRANGE " WP_P "migrate 0 -1",
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		.name = "cold_size",
		.script = WP_SCRIPT_COLD_SIZE,
		.setup = { WP_WORLD_HINT(WP_BOB, "t1_-_7_1_1"),
			   WP_WORLD_HINT(WP_AMY, "t2_7000_3_9_9") },
		.args = WP_BOB " 6 5 5 " WP_AMY " 4 2 20 " EVE " 9 1 1",
		.observe = { "HGETALL " WP_P "cold" },
	},
	{
		.name = "hint_clear",
		.script = WP_SCRIPT_HINT_CLEAR,
		.setup = { WP_WORLD_HINT(WP_BOB, "token_7000_7_0_0") },
		.args = "run " WP_BOB " token",
		.observe = { "EXISTS " WP_P "cold" },
	},
	{
		.name = "sweep",
		.script = WP_SCRIPT_SWEEP,
		.setup = { EXPIRED("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   EXPIRED("hot!:" WP_BOB, "1-3", "h1"),
			   EXPIRED("hot:" WP_AMY, "1-4", "a1"),
			   EXPIRED("hot!:" WP_AMY, "1-5", "a2"),
			   "ZADD " WP_P "expiry 7 " WP_BOB " 7 " WP_AMY
			   " 7 " EVE,
			   "ZADD " WP_P "migrate 1 " WP_BOB " 2 " WP_AMY },
		.args = "1:own 60000 100 1000 1000000 1000",
		.observe = { NAMES("hot:" WP_BOB),
			     "EXISTS " WP_P "hot!:" WP_BOB " " WP_P
			     "hot:" WP_AMY " " WP_P "hot!:" WP_AMY,
			     "ZRANGE " WP_P "expiry 0 -1 WITHSCORES",
			     "ZRANGE " WP_P "migrate 0 -1" },
	},
	{
		.name = "sweep, going on",
		.script = WP_SCRIPT_SWEEP,
		.setup = { EXPIRED("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   EXPIRED("hot:" WP_BOB, "1-3", "m3"),
			   "EVAL return\tredis.call('SET',KEYS[1],"
			   "'0\\032(1-1\\032500\\032'..KEYS[2]) 2 " WP_P
			   "sweep " WP_BOB,
			   "ZADD " WP_P "expiry 99999999999999 " WP_BOB },
		.args = "1:own 60000 100 1000 1000000 1000",
		.observe = { NAMES("hot:" WP_BOB), "EXISTS " WP_P "sweep",
			     "ZRANGE " WP_P "expiry 0 -1" },
	},
	{
		/* at:i2 is cleaned up by i2's daemon, which due tells. */
		.name = "connect at the limit",
		.script = WP_SCRIPT_CONNECT,
		.setup = { "HSET " WP_P "live i1 0 i2 0",
			   "HSET " WP_P "online:" WP_BOB " i2.1 1000",
			   "SADD " WP_P "at:i2 i2.1_" WP_BOB },
		.args = "run i1 ws 1 1 i1.1 " WP_BOB " 5000 d c",
		.observe = { "HGETALL " WP_P "online:" WP_BOB,
			     "SMEMBERS " WP_P "at:i1",
			     "SMEMBERS " WP_P "due:i2" },
	},
	{
		.name = "connect, two at once",
		.script = WP_SCRIPT_CONNECT,
		.setup = { "HSET " WP_P "live i1 0 i2 0",
			   "HSET " WP_P "online:" WP_AMY " i2.1 1000",
			   "SADD " WP_P "at:i2 i2.1_" WP_AMY,
			   HOT("hot:" WP_BOB, "1-1", "m1") },
		.args = "run i1 ws 1 2 i1.1 " WP_BOB " 5000 d c i1.2 " WP_AMY
			" 6000 d c",
		.observe = { "HGETALL " WP_P "online:" WP_BOB,
			     "HGETALL " WP_P "online:" WP_AMY,
			     "EVAL local\tt=redis.call('SMEMBERS',KEYS[1])"
			     "table.sort(t)return\tt 1 " WP_P "at:i1",
			     "SMEMBERS " WP_P "due:i2" },
	},
	{
		.name = "disconnect",
		.script = WP_SCRIPT_DISCONNECT,
		.setup = { "HSET " WP_P "online:" WP_BOB " i1.1 1000",
			   "EVAL return\tredis.call('SADD',KEYS[1],'i1.1\\32'.."
			   "KEYS[2]) 2 " WP_P "at:i1 " WP_BOB,
			   HOT("hot:" WP_BOB, "1-1", "m1") },
		.args = "i1.1 " WP_BOB " 0 100 1000,60000",
		.observe = { "EXISTS " WP_P "online:" WP_BOB " " WP_P "at:i1",
			     "ZRANGE " WP_P "migrate 0 -1",
			     "ZRANGE " WP_P "pushdue 0 -1",
			     "GET " WP_P "notified:" WP_BOB },
	},
	{
		.name = "reap",
		.script = WP_SCRIPT_REAP,
		.setup = { "HSET " WP_P "live i1 5",
			   "HSET " WP_P "online:" WP_BOB " i1.1 1000",
			   "HSET " WP_P "online:" WP_AMY " i1.2 1000 i2.1 1000",
			   "EVAL return\tredis.call('SADD',KEYS[1],'i1.1\\32'.."
			   "KEYS[2],'i1.2\\32'..KEYS[3]) 3 " WP_P
			   "at:i1 " WP_BOB " " WP_AMY,
			   HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_AMY, "1-1", "a1") },
		.args = "1:own 60000 i1 5 100 100 1000,60000",
		.observe = { "EXISTS " WP_P "live " WP_P "at:i1 " WP_P
			     "online:" WP_BOB,
			     "HKEYS " WP_P "online:" WP_AMY,
			     "ZRANGE " WP_P "migrate 0 -1",
			     "ZRANGE " WP_P "pushdue 0 -1",
			     "GET " WP_P "notified:" WP_BOB },
	},
	{
		.name = "landed",
		.script = WP_SCRIPT_LANDED,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_AMY, "1", "2-1", "a1"),
			   ACCEPT(EVE, "0", "3-1", "e1"),
			   ACCEPT(WP_BOB, "0", "4-1", "m2"),
			   "HSET " WP_P "online:" WP_AMY " i1.1 5 i2.1 6",
			   HOT("hot:" EVE, "3-1", "e1"),
			   "ZADD " WP_P "expiry 9 " EVE,
			   "HSET " WP_P "tries 1-1 1",
			   WP_WORLD_HINT(WP_BOB, "t1_7000_-_0_0"),
			   WP_WORLD_HINT(WP_AMY, "t2_7000_9_1_1") },
		.args = "1000,60000 3 " WP_BOB
			" 5 2 9 2 1-1 99999999999999 0 1 1-1 " WP_AMY
			" 5 2 9 2 2-1 99999999999999 1 1 2-1 " EVE
			" 5 2 9 2 3-1 99999999999999 1 1 3-1",
		.observe = { NAMES("ingress"), "ZRANGE " WP_P "migrate 0 -1",
			     "SMEMBERS " WP_P "due:i1",
			     "SMEMBERS " WP_P "due:i2", "HGETALL " WP_P "cold",
			     "EXISTS " WP_P "tries", SORTED("pushdue"),
			     "SMEMBERS " WP_P "pushhigh",
			     "GET " WP_P "notified:" WP_BOB,
			     "GET " WP_P "notified:" EVE },
	},
	{
		.name = "landed, nothing is left in ingress",
		.script = WP_SCRIPT_LANDED,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   ACCEPT(WP_BOB, "1", "2-1", "h1"),
			   ACCEPT(WP_AMY, "0", "3-1", "a3"),
			   HOT("hot:" WP_AMY, "1-2", "a1"),
			   "ZADD " WP_P "expiry 9 " WP_AMY },
		.args = "- 2 " WP_BOB
			" 5 2 9 4 2-1 99999999999999 1 2 1-1 2-1 " WP_AMY
			" 5 2 9 2 3-1 99999999999999 0 1 3-1",
		.observe = { "XLEN " WP_P "ingress",
			     "ZRANGE " WP_P "migrate 0 -1",
			     "EXISTS " WP_P "cold " WP_P "pushdue" },
	},
	{
		.name = "leave",
		.script = WP_SCRIPT_LEAVE,
		.setup = { "HSET " WP_P "live i1 5",
			   "SADD " WP_P "due:i1 " WP_BOB },
		.args = "i1",
		.observe = { "EXISTS " WP_P "live " WP_P "due:i1" },
	},
	{
		.name = "dlq_drop",
		.script = WP_SCRIPT_DLQ_DROP,
		.setup = { "XADD " WP_P " 9-1 e d1", "XADD " WP_P " 9-2 e d2" },
		.args = "9-1",
		.observe = { "XRANGE " WP_P " - +" },
	},
	{
		.name = "dlq_requeue, nothing waits",
		.script = WP_SCRIPT_DLQ_REQUEUE,
		.setup = { BURY("9-1", "5-1", "d1"), BURY("9-2", "6-1", "d2") },
		.args = "9-1 100 100000",
		.observe = { "XRANGE " WP_P "hot:" WP_BOB " - +",
			     "ZRANGE " WP_P "migrate 0 -1", FIELD("dlq", "2") },
	},
	{
		.name = "dlq_requeue, later ones wait and the user is online",
		.script = WP_SCRIPT_DLQ_REQUEUE,
		.setup = { BURY("9-1", "5-1", "d1"),
			   HOT("hot:" WP_BOB, "4-1", "m1"),
			   HOT("hot:" WP_BOB, "6-1", "m2"),
			   HOT("hot:" WP_BOB, "7-1", "m3"),
			   "XDEL " WP_P "hot:" WP_BOB " 7-1",
			   "XADD " WP_P "rebuild 99-1 e left-behind",
			   "HSET " WP_P "online:" WP_BOB " i1.1 5 i2.1 6" },
		.args = "9-1 100 100000",
		.observe = { "XRANGE " WP_P "hot:" WP_BOB " - +",
			     "XADD " WP_P "hot:" WP_BOB " 7-1 e again",
			     "EXISTS " WP_P "migrate " WP_P "rebuild",
			     "SMEMBERS " WP_P "due:i1",
			     "SMEMBERS " WP_P "due:i2", "XLEN " WP_P "dlq" },
	},
	{
		.name = "lease_acquire",
		.script = WP_SCRIPT_LEASE_ACQUIRE,
		.setup = { "DEL " WP_P "owner" },
		.args = "worker-a 60000",
		.observe = { "EXISTS " WP_P "owner" },
	},
	{
		.name = "lease_acquire, held for too long",
		.script = WP_SCRIPT_LEASE_ACQUIRE,
		.setup = { "SET " WP_P "owner 9:dead PX 9000000" },
		.args = "worker-a 1000000",
		.observe = { "GET " WP_P "owner",
			     "EVAL return\tredis.call('PTTL',KEYS[1])>1000000 "
			     "1 " WP_P "owner" },
	},
	{
		.name = "lease_renew",
		.script = WP_SCRIPT_LEASE_RENEW,
		.setup = { "SET " WP_P "owner 1:own PX 1000000" },
		.args = "1:own 9000000",
		.observe = { "GET " WP_P "owner",
			     "EVAL return\tredis.call('PTTL',KEYS[1])>1000000 "
			     "1 " WP_P "owner" },
	},
	{
		.name = "lease_release",
		.script = WP_SCRIPT_LEASE_RELEASE,
		.args = "1:own",
		.observe = { "EXISTS " WP_P "owner" },
	},
	{
		.name = "gate_open",
		.script = WP_SCRIPT_GATE_OPEN,
		.setup = { "SET " WP_P "gate of-before" },
		.args = "1:own run",
		.observe = { "GET " WP_P "gate", "EXISTS " WP_P "unsized" },
	},
	{
		.name = "sized",
		.script = WP_SCRIPT_SIZED,
		.setup = { "SET " WP_P "unsized 1" },
		.args = "1:own",
		.observe = { "EXISTS " WP_P "unsized" },
	},
	{
		.name = "join",
		.script = WP_SCRIPT_JOIN,
		.args = "i1",
		.observe = { "HGETALL " WP_P "live" },
	},
	{
		.name = "hint_set",
		.script = WP_SCRIPT_HINT_SET,
		.setup = { WP_WORLD_HINT(WP_AMY, "old_7000_3_9_9"),
			   WP_WORLD_HINT(WP_BOB, "old_7000_5_2_9") },
		.args = "1:own 60000 token " WP_BOB " " EVE,
		.observe = { "HGETALL " WP_P "cold" },
	},
	{
		.name = "inbox_bury",
		.script = WP_SCRIPT_INBOX_BURY,
		.setup = { "XADD " WP_P " 9-1 e d1", "XADD " WP_P " 9-2 e d2" },
		.args = "1 100000 100 id 5-1 envelope new",
		.observe = { FIELD("", "4") },
	},
	{
		.name = "ingress_raise, nothing there",
		.script = WP_SCRIPT_INGRESS_RAISE,
		.setup = { "SET " WP_P "intent something" },
		.args = "1:own 60000 5000 7",
		.observe = { "XLEN " WP_P "ingress", "EXISTS " WP_P "intent",
			     "XADD " WP_P "ingress 5000-* a b" },
	},
	{
		.name = "ingress_raise, entries there",
		.script = WP_SCRIPT_INGRESS_RAISE,
		.setup = { ACCEPT(WP_BOB, "0", "1-1", "m1"),
			   "SET " WP_P "intent something" },
		.args = "1:own 60000 5000 7",
		.observe = { NAMES("ingress"), "EXISTS " WP_P "intent",
			     "XADD " WP_P "ingress 5000-* a b" },
	},
	{
		.name = "session_refresh, it is rotated",
		.script = WP_SCRIPT_SESSION_REFRESH,
		.setup = { SESSION_IS("3", "1", "run") },
		.args = "run 00ff00ff00ff00ff00ff00ff00ff00ff 3 c1a1 60000 "
			"1000 600",
		.observe = { "HMGET " WP_P SESSION " u g k v x c",
			     "ZRANGE " WP_P "sessions:" WP_BOB " 0 -1",
			     "TTL " WP_P SESSION,
			     "TTL " WP_P "sessions:" WP_BOB,
			     "GET " WP_P "lives", "TTL " WP_P "lives" },
	},
	{
		.name = "session_refresh, nobody knows",
		.script = WP_SCRIPT_SESSION_REFRESH,
		.args = "run 00ff00ff00ff00ff00ff00ff00ff00ff 3 c1a1 60000 "
			"1000 600",
		.observe = { "HGETALL " WP_P SESSION, "TTL " WP_P SESSION },
	},
	{
		.name = "session_settle",
		.script = WP_SCRIPT_SESSION_SETTLE,
		.setup = { SESSION_IS("3", "1", "run-of-before"),
			   "HSET " WP_P SESSION " c run:4:c1a1",
			   "SET " WP_P "closed:" WP_BOB " 4",
			   "ZADD " WP_P "sessions:" WP_BOB
			   " 1 expired 9999999998 first 9999999999 second",
			   "HSET " WP_P "session:first u " WP_BOB },
		.args = "run 00ff00ff00ff00ff00ff00ff00ff00ff c1a1 5 " WP_BOB
			" 99999999999 99999999999 pad 20001 2 600",
		.observe = { "HMGET " WP_P SESSION " u g k v x d y c",
			     "ZRANGE " WP_P "sessions:" WP_BOB " 0 -1",
			     "EXISTS " WP_P "session:first",
			     "GET " WP_P "lives", "TTL " WP_P "lives" },
	},
	{
		.name = "session_seen",
		.script = WP_SCRIPT_SESSION_SEEN,
		.setup = { SESSION_IS("3", "0", "run") },
		.args = "00ff00ff00ff00ff00ff00ff00ff00ff 3 20002",
		.observe = { "HGETALL " WP_P SESSION },
	},
	{
		.name = "session_settle, all were about to end",
		.script = WP_SCRIPT_SESSION_SETTLE,
		.setup = { "HSET " WP_P SESSION " c run:4:c1a1",
			   "SET " WP_P "closed:" WP_BOB " 5" },
		.args = "run 00ff00ff00ff00ff00ff00ff00ff00ff c1a1 5 " WP_BOB
			" 99999999999 99999999999 pad 20001 2 600",
		.observe = { "EXISTS " WP_P SESSION },
	},
	{
		.name = "session_close",
		.script = WP_SCRIPT_SESSION_CLOSE,
		.setup = { SESSION_IS("3", "0", "run"),
			   "ZADD " WP_P "sessions:" WP_BOB
			   " 1 00ff00ff00ff00ff00ff00ff00ff00ff" },
		.args = WP_BOB " 10",
		.observe = { "TTL " WP_P "closed:" WP_BOB,
			     "EXISTS " WP_P "closings",
			     "EXISTS " WP_P SESSION },
	},
	{
		.name = "session_end",
		.script = WP_SCRIPT_SESSION_END,
		.setup = { SESSION_IS("3", "0", "run"),
			   "HSET " WP_P "session:other u " WP_BOB,
			   "ZADD " WP_P "sessions:" WP_BOB
			   " 1 00ff00ff00ff00ff00ff00ff00ff00ff 2 other" },
		.args = WP_BOB " 00ff00ff00ff00ff00ff00ff00ff00ff other",
		.observe = { "EXISTS " WP_P SESSION " " WP_P
			     "session:other " WP_P "sessions:" WP_BOB },
	},
	{
		.name = "session_end, only Redis knows whose it is",
		.script = WP_SCRIPT_SESSION_END,
		.setup = { SESSION_IS("3", "0", "run"),
			   "ZADD " WP_P "sessions:" WP_BOB
			   " 1 00ff00ff00ff00ff00ff00ff00ff00ff" },
		.args = " 00ff00ff00ff00ff00ff00ff00ff00ff",
		.observe = { "EXISTS " WP_P SESSION " " WP_P
			     "sessions:" WP_BOB },
	},
	{
		.name = "login_begin",
		.script = WP_SCRIPT_LOGIN_BEGIN,
		.args = WP_BOB " attempt",
		.observe = { "EVAL return\tredis.call('GET',KEYS[1]):match("
			     "'^%%d+') 1 " WP_P "login:" WP_BOB,
			     "TTL " WP_P "login:" WP_BOB },
	},
	{
		.name = "reset_take",
		.script = WP_SCRIPT_RESET_TAKE,
		.setup = { "SET " WP_P "reset:hash bob" },
		.args = "hash bob",
		.observe = { "EXISTS " WP_P "reset:hash" },
	},
	{
		.name = "invite_put",
		.script = WP_SCRIPT_INVITE_PUT,
		.args = "hash 3 1000",
		.observe = { "HGETALL " WP_P "invite:hash",
			     "TTL " WP_P "invite:hash" },
	},
	{
		.name = "invite_take",
		.script = WP_SCRIPT_INVITE_TAKE,
		.setup = { "HSET " WP_P "invite:hash uses 1",
			   "EXPIRE " WP_P "invite:hash 1000" },
		.args = "hash who",
		.observe = { "HGETALL " WP_P "invite:hash" },
	},
	{
		.name = "revoke",
		.script = WP_SCRIPT_REVOKE,
		.setup = { REVOKED("1-1", "u01", "99999999999"),
			   REVOKED("1-2", "u02", "7"),
			   REVOKED("1-3", "u03", "99999999999"),
			   "XADD " WP_P " 1-4 something else" },
		.args = "60  1700000000 u04 u05",
		.observe = { DISTINCT },
	},
	{
		.name = "revoke, until then",
		.script = WP_SCRIPT_REVOKE,
		.setup = { REVOKED("1-1", "u01", "99999999999") },
		.args = "60 1700000000 1700000000 i02 b03",
		.observe = { DISTINCT },
	},
	{
		.name = "push_take",
		.script = WP_SCRIPT_PUSH_TAKE,
		.setup = { HOT("hot:" WP_BOB, "5-1", "m1"),
			   HOT("hot!:" WP_BOB, "5-2", "h2"),
			   "ZADD " WP_P "pushdue 1 " WP_BOB " 2 " WP_AMY
			   " 3 " EVE,
			   "SET " WP_P "notified:" WP_BOB " 5-2",
			   "SET " WP_P "notified:" WP_AMY " 4-1",
			   "SADD " WP_P "pushhigh " WP_BOB " " WP_AMY,
			   "HSET " WP_P "pushed:" WP_BOB
			   " id 4-1 claim c0 busy 1 woken 1",
			   "HSET " WP_P "pushed:" EVE " shown 1 id 4-1",
			   "HSET " WP_P "online:" WP_AMY " i1.1 5" },
		.args = "run 32 60000 1000 c1",
		.observe = { "HMGET " WP_P "pushed:" WP_BOB
			     " id claim busy woken shown",
			     "HMGET " WP_P "pushed:" EVE " id claim busy shown",
			     SORTED("pushdue"), "SMEMBERS " WP_P "pushhigh",
			     "ZCOUNT " WP_P "pushdue 1000000000000 +inf" },
	},
	{
		.name = "push_done, all devices know",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { HOT("hot:" WP_BOB, "5-1", "m1"),
			   "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "SADD " WP_P "pushhigh " WP_BOB " " EVE,
			   "SET " WP_P "notified:" WP_BOB " 5-1",
			   "HSET " WP_P "pushed:" WP_BOB
			   " id 4-1 claim c1 busy 1 once t:test d:u 1" },
		.args = WP_BOB " c1 5-1  t:test  shown 1 d:t 5 d:u ",
		.observe = { "HMGET " WP_P "pushed:" WP_BOB
			     " id claim busy once shown d:t d:u",
			     "EXISTS " WP_P "pushdue",
			     "SMEMBERS " WP_P "pushhigh" },
	},
	{
		.name = "push_done, look again later",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { HOT("hot:" WP_BOB, "5-1", "m1"),
			   "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "SET " WP_P "notified:" WP_BOB " 5-1",
			   "HSET " WP_P "pushed:" WP_BOB " claim c1 busy 1" },
		.args = WP_BOB " c1 5-1 7777   d:t 5",
		.observe = { "HGETALL " WP_P "pushed:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1 WITHSCORES" },
	},
	{
		.name = "push_done, something has come meanwhile",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "SET " WP_P "notified:" WP_BOB " 6-1",
			   "HSET " WP_P "pushed:" WP_BOB
			   " claim c1 busy 1 woken 1" },
		.args = WP_BOB " c1 5-1 7777   shown 1",
		.observe = { "HMGET " WP_P "pushed:" WP_BOB
			     " id claim busy shown",
			     "ZCOUNT " WP_P "pushdue 1000000000000 +inf" },
	},
	{
		.name = "push_done, woken meanwhile",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { HOT("hot:" WP_BOB, "5-1", "m1"),
			   "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "SET " WP_P "notified:" WP_BOB " 5-1",
			   "HSET " WP_P "pushed:" WP_BOB
			   " claim c1 busy 1 woken 1" },
		.args = WP_BOB " c1 5-1 7777  ",
		.observe = { "HMGET " WP_P "pushed:" WP_BOB " claim busy",
			     "ZCOUNT " WP_P "pushdue 1000000000000 +inf" },
	},
	{
		.name = "push_done, what was asked for once waits",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "HSET " WP_P "pushed:" WP_BOB
			   " claim c1 busy 1 once t:test shown 1" },
		.args = WP_BOB " c1 5-1 7777 t:test oc",
		.observe = { "HMGET " WP_P "pushed:" WP_BOB
			     " claim busy once shown",
			     "ZRANGE " WP_P "pushdue 0 -1 WITHSCORES" },
	},
	{
		.name = "push_done, forget him",
		.script = WP_SCRIPT_PUSH_DONE,
		.setup = { "ZADD " WP_P "pushdue 9 " WP_BOB,
			   "SADD " WP_P "pushhigh " WP_BOB,
			   "SET " WP_P "notified:" WP_BOB " 5-1",
			   "HSET " WP_P "pushed:" WP_BOB
			   " claim c1 busy 1 shown 1" },
		.args = WP_BOB " c1 5-1 drop  ",
		.observe = { "EXISTS " WP_P "pushdue " WP_P "pushhigh " WP_P
			     "pushed:" WP_BOB,
			     "GET " WP_P "notified:" WP_BOB,
			     "TTL " WP_P "notified:" WP_BOB },
	},
	{
		.name = "push_forward",
		.script = WP_SCRIPT_PUSH_FORWARD,
		.setup = { "ZADD " WP_P "pushdue 77000000000000 " WP_BOB
			   " 77000000000000 " WP_AMY,
			   "HSET " WP_P "pushed:" WP_BOB " claim c1",
			   "HSET " WP_P "pushed:" WP_AMY " claim c1 busy 1" },
		/* whatever is ahead, in a second or so */
		.args = "demo 0 1000 88000000000000 1 100 7",
		.observe = { "HGETALL " WP_P "pushed:" WP_BOB,
			     "HGETALL " WP_P "pushed:" WP_AMY,
			     "ZCOUNT " WP_P "pushdue 0 70000000000000",
			     "ZCARD " WP_P "pushdue" },
	},
	{
		.name = "push_wake",
		.script = WP_SCRIPT_PUSH_WAKE,
		.setup = { "ZADD " WP_P "pushdue 99999999999999 " WP_BOB },
		.args = WP_BOB " t:test ",
		.observe = { "HGETALL " WP_P "pushed:" WP_BOB,
			     "TTL " WP_P "pushed:" WP_BOB,
			     "ZCOUNT " WP_P "pushdue 0 99999999999998" },
	},
	{
		.name = "push_wake, it is claimed",
		.script = WP_SCRIPT_PUSH_WAKE,
		.setup = { "ZADD " WP_P "pushdue 99999999999999 " WP_BOB,
			   "HSET " WP_P "pushed:" WP_BOB " busy 1" },
		.args = WP_BOB "  ",
		.observe = { "HGETALL " WP_P "pushed:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1 WITHSCORES" },
	},
	{
		.name = "push_wake of a device, there was none",
		.script = WP_SCRIPT_PUSH_WAKE,
		.setup = { "SET " WP_P "notified:" WP_BOB
			   " 9007199254740991-0 EX 3600",
			   ACCEPT(WP_AMY, "0", "7-1", "a1") },
		.args = WP_BOB "  1000,60000",
		.observe = { "GET " WP_P "notified:" WP_BOB,
			     "TTL " WP_P "notified:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "push_wake of a device, it is claimed",
		.script = WP_SCRIPT_PUSH_WAKE,
		.setup = { "ZADD " WP_P "pushdue 99999999999999 " WP_BOB,
			   "HSET " WP_P "pushed:" WP_BOB " busy 1",
			   "SET " WP_P "notified:" WP_BOB
			   " 9007199254740991-0 EX 3600",
			   ACCEPT(WP_AMY, "0", "7-1", "a1") },
		.args = WP_BOB "  1000,60000",
		.observe = { "GET " WP_P "notified:" WP_BOB,
			     "HGETALL " WP_P "pushed:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1 WITHSCORES" },
	},
	{
		.name = "ack of everything that somebody was told of",
		.script = WP_SCRIPT_ACK,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "HSET " WP_P "pushed:" WP_BOB " shown 1" },
		.args = "run " WP_BOB " 1 1-1",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB,
			     "HEXISTS " WP_P "pushed:" WP_BOB " touched",
			     "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "hint_clear of what somebody was told of",
		.script = WP_SCRIPT_HINT_CLEAR,
		.setup = { WP_WORLD_HINT(WP_BOB, "token_7000_7_0_0"),
			   "HSET " WP_P "pushed:" WP_BOB " shown 1" },
		.args = "run " WP_BOB " token",
		.observe = { "EXISTS " WP_P "cold",
			     "HGETALL " WP_P "pushed:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "sweep of what somebody was told of",
		.script = WP_SCRIPT_SWEEP,
		.setup = { EXPIRED("hot:" WP_BOB, "1-1", "m1"),
			   "ZADD " WP_P "expiry 7 " WP_BOB,
			   "HSET " WP_P "pushed:" WP_BOB " shown 1" },
		.args = "1:own 60000 100 1000 1000000 1000",
		.observe = { "EXISTS " WP_P "hot:" WP_BOB " " WP_P "expiry",
			     "HGETALL " WP_P "pushed:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "audit of a user who is to be told",
		.script = WP_SCRIPT_AUDIT,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   HOT("hot:" WP_BOB, "1-2", "m2"),
			   "SET " WP_P "notified:" WP_BOB " 1-1",
			   "HSET " WP_P "live i2 0",
			   "HSET " WP_P "online:" WP_BOB " i1.1 5" },
		.args = "user " WP_BOB " 10 100 run 1000,60000",
		.observe = { "EXISTS " WP_P "online:" WP_BOB,
			     "ZRANGE " WP_P "pushdue 0 -1",
			     "GET " WP_P "notified:" WP_BOB },
	},
	{
		.name = "audit of a user who was to be told",
		.script = WP_SCRIPT_AUDIT,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "SET " WP_P "notified:" WP_BOB " 1-1" },
		.args = "told " WP_BOB " 10 100 run 1000,60000",
		.observe = { "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "audit of pushes",
		.script = WP_SCRIPT_AUDIT,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m1"),
			   "XADD " WP_P "push 1-1 u " WP_BOB " id 1-1",
			   "ZADD " WP_P "pushdue 1 " WP_BOB " 2 " WP_AMY
			   " 3 " EVE,
			   "SADD " WP_P "pushhigh " WP_AMY,
			   "HSET " WP_P "pushed:" EVE " shown 1" },
		.args = "push pushdue 10 100 run -",
		.observe = { "EXISTS " WP_P "push " WP_P "pushhigh",
			     "ZRANGE " WP_P "pushdue 0 -1" },
	},
	{
		.name = "workers",
		.script = WP_SCRIPT_WORKERS,
		.setup = { "ZADD " WP_P " 1 long-dead 99999999999999 ahead" },
		.args = "worker-a 60000 0",
		.observe = { "ZRANGE " WP_P " 0 -1" },
	},
};

static const char *const users[] = { WP_BOB, WP_AMY, EVE };

/* size and urn of an entry */
#define LUA_PARTS                                                             \
	"local function size(x) return #x[2][4] - 12 - x[2][4]:byte(3) end\n" \
	"local function urn_of(x)\n"                                          \
	"  return x[2][4] and x[2][4]:sub(13, 12 + x[2][4]:byte(3))\n"        \
	"end\n"

/* The indexes of all users, as if everything had been sent and routed. */
static const char make_index[] = LUA_PARTS
	"local function waits(urn, size)\n"
	"  local w = KEYS[1] .. 'waits'\n"
	"  local had = redis.call('HGET', w, urn) or '0 0'\n"
	"  local n, bytes = had:match('^(%d+) (%d+)$')\n"
	"  redis.call('HSET', w, urn, n + 1 .. ' ' .. bytes + size)\n"
	"end\n"
	"for _, x in ipairs(redis.call('XRANGE', KEYS[1] .. 'ingress',\n"
	"    '-', '+')) do waits(urn_of(x), size(x)) end\n"
	"for _, urn in ipairs(ARGV) do\n"
	"  for mark, lane in pairs({[''] = 'hot:', ['!'] = 'hot!:'}) do\n"
	"    local key = KEYS[1] .. lane .. urn\n"
	"    local is_stream = redis.call('TYPE', key).ok == 'stream'\n"
	"    for _, x in ipairs(is_stream and\n"
	"        redis.call('XRANGE', key, '-', '+') or {}) do\n"
	"      local s = math.ceil(x[2][2] / 1000) - 1735689600\n"
	"      s = math.max(0, math.min(s, 2^30 - 1))\n"
	"      redis.call('ZADD', KEYS[1] .. 'index:' .. urn,\n"
	"        string.format('%d', s * 2^23 + size(x)), mark .. x[1])\n"
	"      if #redis.call('XRANGE', KEYS[1] .. 'ingress', x[1], x[1]) == "
	"0\n"
	"      then waits(urn, size(x)) end\n"
	"    end\n"
	"  end\n"
	"end\n";

/*
 * What is wrong with the indexes: one lacks an entry of hot, or says that less
 * waits in hot and ingress than there is; "exact": or more than there is.
 */
static const char judge_index[] = LUA_PARTS
	"local exact = ARGV[#ARGV] == 'exact'\n"
	"for _, urn in ipairs(ARGV) do\n"
	"  local index, hot, n, bytes = KEYS[1] .. 'index:' .. urn, 0, 0, 0\n"
	"  local both = {}\n"
	"  for mark, lane in pairs({[''] = 'hot:', ['!'] = 'hot!:'}) do\n"
	"    local key = KEYS[1] .. lane .. urn\n"
	"    local is_stream = redis.call('TYPE', key).ok == 'stream'\n"
	"    for _, x in ipairs(is_stream and\n"
	"        redis.call('XRANGE', key, '-', '+') or {}) do\n"
	"      local score = redis.call('ZSCORE', index, mark .. x[1])\n"
	"      if not score then return urn .. ' lacks ' .. x[1] end\n"
	"      if score % 2^23 ~= size(x) then return 'size of ' .. x[1] end\n"
	"      hot, n, bytes = hot + 1, n + 1, bytes + size(x)\n"
	"      both[mark .. x[1]] = true\n"
	"    end\n"
	"  end\n"
	"  for _, x in ipairs(redis.call('XRANGE', KEYS[1] .. 'ingress', '-',\n"
	"      '+')) do\n"
	"    local mark = x[2][4] and x[2][4]:byte(2) % 2 == 1 and '!' or ''\n"
	"    if urn_of(x) == urn and not both[mark .. x[1]] then\n"
	"      n, bytes = n + 1, bytes + size(x)\n"
	"    end\n"
	"  end\n"
	"  local card = redis.call('ZCARD', index)\n"
	"  if exact and card ~= hot then\n"
	"    return urn .. ' has ' .. card .. ' not ' .. hot\n"
	"  end\n"
	"  local had = redis.call('HGET', KEYS[1] .. 'waits', urn) or '0 0'\n"
	"  local count, sum = had:match('^(%d+) (%d+)$')\n"
	"  count, sum = tonumber(count), tonumber(sum)\n"
	"  if count < n or sum < bytes or\n"
	"    exact and (count > n or sum > bytes) then\n"
	"    return urn .. ' says ' .. had .. ' not ' .. n .. ' ' .. bytes\n"
	"  end\n"
	"end\n"
	"return ''\n";

static struct wp_reply *eval_users(struct wp_world *w, const char *text,
				   const char *more)
{
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "EVAL");
	wp_cmd_str(&w->cmd, text);
	wp_cmd_str(&w->cmd, "1");
	wp_cmd_str(&w->cmd, WP_P);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		wp_cmd_str(&w->cmd, users[i]);
	if (more != NULL)
		wp_cmd_str(&w->cmd, more);
	return wp_world_do(w);
}

static void expect_index(struct wp_world *w, const struct scene *scene, int n,
			 const char *more)
{
	struct wp_reply *reply = eval_users(w, judge_index, more);

	if (wp_reply_type(reply) != WP_REPLY_STR || wp_reply_len(reply) > 0)
		fail_msg("%s, cut after call %d: index: %s", scene->name, n,
			 wp_reply_str(reply));
	wp_reply_free(&reply);
}

/* Whatever is left is mended by an audit, once ingress is empty. */
static void expect_mended(struct wp_world *w, const struct scene *scene, int n)
{
	wp_world_run(w, "DEL " WP_P "ingress");
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		wp_world_run(w, "EVALSHA %s 1 " WP_P " user %s 10 100 run -",
			     wp_scripts.list[WP_SCRIPT_AUDIT].sha1, users[i]);
	expect_index(w, scene, n, "exact");
}

static void prepare_scene(struct wp_world *w, const struct scene *scene)
{
	struct wp_reply *reply;

	wp_world_run(w, "FLUSHALL");
	wp_world_run(w, "SET " WP_P "owner 1:own");
	wp_world_run(w, "SET " WP_P "gate run");
	for (size_t i = 0; scene->setup[i] != NULL; i++)
		wp_world_run(w, "%s", scene->setup[i]);
	reply = eval_users(w, make_index, NULL);
	assert_int_not_equal(wp_reply_type(reply), WP_REPLY_ERROR);
	wp_reply_free(&reply);
}

/* The script with the prologue behind its first line; the caller frees it. */
static char *cuttable(enum wp_script script)
{
	const struct wp_script_source *source = &wp_scripts.list[script];
	const char *rest = strchr(source->text, '\n') + 1;
	size_t size = source->len + sizeof(prologue);
	char *text = malloc(size);

	assert_non_null(text);
	(void)snprintf(text, size, "%.*s%s%s", (int)(rest - source->text),
		       source->text, prologue, rest);
	return text;
}

/* In an error, or in one that the script has caught and answers with. */
static bool says_cut(const struct wp_reply *reply)
{
	for (size_t i = 0; i < wp_reply_count(reply); i++)
		if (says_cut(wp_reply_at(reply, i)))
			return true;
	return strstr(wp_reply_str(reply), "cut here") != NULL;
}

/* A whole answer is an error, or what it says of one partition. */
static const char *error_in(const struct wp_reply *reply)
{
	for (size_t i = 0; i < wp_reply_count(reply); i++)
		if (wp_reply_type(wp_reply_at(reply, i)) == WP_REPLY_ERROR)
			return wp_reply_str(wp_reply_at(reply, i));
	return wp_reply_type(reply) == WP_REPLY_ERROR ? wp_reply_str(reply)
						      : NULL;
}

/* A word of the arguments; to is who was named last. */
static void add_word(struct wp_world *w, const char *word, size_t len,
		     struct wp_box *to)
{
	if (word[0] == '@') {
		wp_test_add_entry(&w->cmd, to, word + 1, len - 1);
		return;
	}
	if (strncmp(word, "urn:", 4) == 0)
		assert_int_equal(
			wp_box_reread(to, WP_WORLD_PARTITION, word, len),
			WP_OK);
	wp_cmd_add(&w->cmd, word, len);
}

/* Run it, cut after call n (0: never). True when it was cut. */
static bool run_cut(struct wp_world *w, const struct scene *scene,
		    const char *text, int n)
{
	const char *word = scene->args;
	struct wp_box to = { 0 };
	const char *error;
	struct wp_reply *reply;
	bool is_cut;

	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "EVAL");
	wp_cmd_str(&w->cmd, text);
	wp_cmd_str(&w->cmd, scene->other != NULL ? "2" : "1");
	wp_cmd_str(&w->cmd, WP_P);
	if (scene->other != NULL)
		wp_cmd_str(&w->cmd, scene->other);
	for (;;) {
		size_t len = strcspn(word, " ");

		add_word(w, word, len, &to);
		if (word[len] == '\0')
			break;
		word += len + 1;
	}
	wp_cmd_int(&w->cmd, n);
	reply = wp_world_do(w);
	is_cut = says_cut(reply);
	error = error_in(reply);
	if (error != NULL && !is_cut)
		fail_msg("%s: %s", scene->name, error);
	wp_reply_free(&reply);
	return is_cut;
}

/* All answers in one text; the caller releases it. */
static void observe(struct wp_world *w, const struct scene *scene,
		    struct wp_buf *out)
{
	wp_buf_init(out, 0);
	for (size_t i = 0; scene->observe[i] != NULL; i++) {
		struct wp_reply *reply =
			wp_world_cmd(w, "%s", scene->observe[i]);
		char *text = wp_world_show(reply);

		wp_buf_add_str(out, text);
		wp_buf_add_char(out, '\n');
		free(text);
		wp_reply_free(&reply);
	}
}

static void play(struct wp_world *w, const struct scene *scene)
{
	char *text = cuttable(scene->script);
	struct wp_buf want;
	struct wp_buf got;
	int n;

	prepare_scene(w, scene);
	assert_false(run_cut(w, scene, text, 0));
	observe(w, scene, &want);
	expect_index(w, scene, 0, "exact");
	for (n = 1; n < CALLS_MAX; n++) {
		bool is_cut;

		prepare_scene(w, scene);
		is_cut = run_cut(w, scene, text, n);
		if (!is_cut)
			break;
		expect_index(w, scene, n, NULL);
		assert_false(run_cut(w, scene, text, 0));
		observe(w, scene, &got);
		expect_index(w, scene, n, NULL);
		expect_mended(w, scene, n);
		if (strcmp(got.data, want.data) != 0)
			fail_msg("%s, cut after call %d:\n%snot\n%s",
				 scene->name, n, got.data, want.data);
		wp_buf_release(&got);
	}
	/* Otherwise nothing was cut, or not at every call. */
	assert_in_range(n, 2, CALLS_MAX - 1);
	wp_buf_release(&want);
	free(text);
}

static void a_script_cut_anywhere_and_run_again_ends_the_same(void **state)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		play(*state, &scenes[i]);
}

/* What cannot write cannot be cut off half-way. */
static bool writes(enum wp_script script)
{
	const char *text = wp_scripts.list[script].text;
	const char *flag = strstr(text, "no-writes");

	if (strstr(text, "redis.") == NULL)
		return false;
	return flag == NULL || flag > strchr(text, '\n');
}

static void no_script_that_writes_is_left_out(void **state)
{
	(void)state;

	for (int script = 0; script < WP_SCRIPT_COUNT; script++) {
		bool is_cut = script == WP_SCRIPT_HEARTBEAT;

		for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
			is_cut |= scenes[i].script == (enum wp_script)script;
		if (!is_cut && writes((enum wp_script)script))
			fail_msg("%s is never cut",
				 wp_scripts.list[script].name);
	}
}

/*
 * A daemon whose heartbeat failed drops the connection to Redis, and registers
 * all of its own under a new incarnation: whoever had to be poked is found to
 * have something waiting.
 */
static void a_cut_heartbeat_is_made_good_by_the_next_incarnation(void **state)
{
	static const struct scene scene = {
		.name = "heartbeat",
		.script = WP_SCRIPT_HEARTBEAT,
		.setup = { "HSET " WP_P "live i1 5",
			   "HSET " WP_P "online:" WP_BOB " i1.1 1000",
			   "EVAL return\tredis.call('SADD',KEYS[1],'i1.1\\32'.."
			   "KEYS[2]) 2 " WP_P "at:i1 " WP_BOB,
			   HOT("hot:" WP_BOB, "1-1", "m1"),
			   "SADD " WP_P "due:i1 " WP_BOB " " WP_AMY " !i1.9" },
		.args = "i1 2",
	};
	struct wp_world *w = *state;
	char *text = cuttable(scene.script);
	bool is_cut = true;
	int n;

	for (n = 1; is_cut; n++) {
		prepare_scene(w, &scene);
		wp_world_run(w, "SET " WP_P "gate %s",
			     wp_redis_run_id(w->redis));
		is_cut = run_cut(w, &scene, text, n);

		wp_world_join(w, "i2");
		wp_world_disconnect(w, "i1.1");
		assert_int_equal(wp_world_connect(w, "i2.1"), 1);
		wp_world_expect(w, "[i2.1]", "HKEYS " WP_P "online:" WP_BOB);
	}
	assert_in_range(n, 4, CALLS_MAX);
	free(text);
}

/* A cut send that is not repeated at once must not confuse the next one. */
static void a_cut_send_is_settled_by_whoever_comes_next(void **state)
{
	struct wp_world *w = *state;
	const struct scene *first = &scenes[0];
	const struct scene other = {
		.name = "another send",
		.args = "run 100 24 1000 1000000 0 1 " WP_AMY " 9000 @0m9 "
			"eeeeeeeeeeeeeeeedddddddddddddddd",
	};
	char *text = cuttable(WP_SCRIPT_SEND);
	bool is_cut = true;

	assert_int_equal(first->script, WP_SCRIPT_SEND);
	for (int n = 1; is_cut; n++) {
		prepare_scene(w, first);
		is_cut = run_cut(w, first, text, n);
		assert_false(run_cut(w, &other, text, 0));
		assert_false(run_cut(w, first, text, 0));
		assert_false(run_cut(w, &other, text, 0));
		wp_world_expect(w, "4", "XLEN " WP_P "ingress");
	}
	free(text);
}

/* ---- a cut route call, and what comes before the next one ---- */

#define LATE(expires)                                                       \
	{                                                                   \
		WP_PUT_INGRESS(WP_P "ingress", "1-1", WP_BOB, "0", expires, \
			       "m-1"),                                      \
			WP_PUT_INGRESS(WP_P "ingress", "1-2", WP_BOB, "1",  \
				       expires, "h--2"),                    \
			WP_PUT_INGRESS(WP_P "ingress", "1-3", WP_BOB, "0",  \
				       expires, "m---3"),                   \
			WP_PUT_INGRESS(WP_P "ingress", "1-4", WP_BOB, "0",  \
				       expires, "m----4"),                  \
	}
#define LATE_ROUTE "run 100 1000000 9 1000,60000 token 1:own 0 1 0  0"

static const struct scene late = {
	.name = "route",
	.script = WP_SCRIPT_ROUTE,
	.setup = LATE(WP_ALIVE),
	.args = LATE_ROUTE,
};
static const struct scene late_expired = {
	.name = "route of what has expired",
	.script = WP_SCRIPT_ROUTE,
	.setup = LATE("7"),
	.args = LATE_ROUTE,
};

static const struct meanwhile {
	struct scene scene;
	const struct scene *route;
	bool is_exact; /* else too much may be counted in the end */
} meanwhiles[] = {
	{ { .name = "a trim of nearly all",
	    .script = WP_SCRIPT_TRIM,
	    .args = WP_BOB " 0 0 0 2 0 1-1 1-3 1-2" },
	  &late,
	  true },
	{ { .name = "a trim of the oldest",
	    .script = WP_SCRIPT_TRIM,
	    .args = WP_BOB " 0 0 0 1 0 1-1" },
	  &late,
	  true },
	{ { .name = "a trim of the high band",
	    .script = WP_SCRIPT_TRIM,
	    .args = WP_BOB " 0 0 0 0 0 1-2" },
	  &late,
	  true },
	{ { .name = "a look of the migration",
	    .script = WP_SCRIPT_PREPARE,
	    .args = "1:own 60000 " WP_BOB " token" },
	  &late,
	  true },
	{ { .name = "a sweep",
	    .script = WP_SCRIPT_SWEEP,
	    .args = "1:own 60000 100 1000 1000000 1000" },
	  &late_expired,
	  true },
	{ { .name = "an ack of nearly all",
	    .script = WP_SCRIPT_ACK,
	    .args = "run " WP_BOB " 2 1-1 1-3 1-2" },
	  &late,
	  true },
	{ { .name = "an ack of the oldest",
	    .script = WP_SCRIPT_ACK,
	    .args = "run " WP_BOB " 1 1-1" },
	  &late,
	  true },
	{ { .name = "an audit",
	    .script = WP_SCRIPT_AUDIT,
	    .args = "user " WP_BOB " 10 100 run 1000,60000" },
	  &late,
	  true },
	{ { .name = "a landing",
	    .script = WP_SCRIPT_LANDED,
	    .args = "- 1 " WP_BOB " 5 2 9 8 1-3 99999999999999 0 2 1-1 1-3" },
	  &late,
	  false },
};

static void run_whole(struct wp_world *w, const struct scene *scene)
{
	char *text = cuttable(scene->script);

	assert_false(run_cut(w, scene, text, 0));
	free(text);
}

/* Nobody puts right what was counted wrong: ingress is never empty, for in it
 * is what nobody can route. */
static void play_late(struct wp_world *w, const struct meanwhile *meanwhile)
{
	static const struct scene rest = {
		.name = "a trim of all",
		.script = WP_SCRIPT_TRIM,
		.args = WP_BOB " 0 0 0 3 0 1-1 1-3 1-4 1-2",
	};
	char *text = cuttable(WP_SCRIPT_ROUTE);
	bool is_cut = true;
	int n;

	for (n = 1; is_cut; n++) {
		prepare_scene(w, meanwhile->route);
		wp_world_run(w, "XADD " WP_P "ingress 9-1 no send");
		is_cut = run_cut(w, meanwhile->route, text, n);
		expect_index(w, &meanwhile->scene, n, NULL);
		run_whole(w, &meanwhile->scene);
		expect_index(w, &meanwhile->scene, n, NULL);
		run_whole(w, meanwhile->route);
		expect_index(w, &meanwhile->scene, n,
			     meanwhile->is_exact ? "exact" : NULL);
		wp_world_expect(w, "1", "XLEN " WP_P "ingress");
		run_whole(w, &rest);
		expect_index(w, &meanwhile->scene, n,
			     meanwhile->is_exact ? "exact" : NULL);
		expect_mended(w, &meanwhile->scene, n);
	}
	assert_in_range(n, 20, CALLS_MAX - 1);
	free(text);
}

/* What a cut has left both in ingress and in hot waits once, until it has left
 * both, whoever takes it out of one of them. */
static void what_a_cut_route_call_has_left_counts_once(void **state)
{
	for (size_t i = 0; i < sizeof(meanwhiles) / sizeof(meanwhiles[0]); i++)
		play_late(*state, &meanwhiles[i]);
}

/* ---- what is in the index only ---- */

static const struct scene late_send = {
	.name = "send",
	.script = WP_SCRIPT_SEND,
	.args = "run 100 24 1000 1000000 0 1 " WP_BOB " 9000 @0m----3 ",
};
static const struct scene late_look = {
	.name = "a look of the migration",
	.script = WP_SCRIPT_PREPARE,
	.args = "1:own 60000 " WP_BOB " token",
};
static const struct scene late_landing = {
	.name = "a landing",
	.script = WP_SCRIPT_LANDED,
	.args = "- 1 " WP_BOB " 5 2 9 4 1-2 99999999999999 0 1 1-2",
};

/* What comes next finds hot empty, and something new in ingress. */
static void expect_no_room_made(struct wp_world *w, const struct scene *scene,
				int n)
{
	run_whole(w, &late_landing);
	run_whole(w, &late_send);
	expect_index(w, scene, n, NULL);
	run_whole(w, &late_look);
	expect_index(w, scene, n, NULL);
}

/* Whoever finds that nothing waits any more forgets it in both places. */
static void what_a_cut_ack_has_left_is_taken_off_once(void **state)
{
	static const struct scene scene = {
		.name = "ack",
		.script = WP_SCRIPT_ACK,
		.setup = { HOT("hot:" WP_BOB, "1-1", "m-1"),
			   ACCEPT(WP_BOB, "0", "1-2", "m--2") },
		.args = "run " WP_BOB " 1 1-1",
	};
	char *text = cuttable(scene.script);
	bool is_cut = true;
	int n;

	for (n = 1; is_cut; n++) {
		prepare_scene(*state, &scene);
		is_cut = run_cut(*state, &scene, text, n);
		expect_no_room_made(*state, &scene, n);
	}
	assert_in_range(n, 8, CALLS_MAX - 1);
	free(text);
}

/* A route call was cut off before it put 1-2 into hot. Then somebody who finds
 * hot empty is cut off, and it is taken straight to disk. */
static void play_between_the_two(struct wp_world *w, const struct scene *scene)
{
	char *text = cuttable(scene->script);
	bool is_cut = true;
	int n;

	for (n = 1; is_cut; n++) {
		prepare_scene(w, scene);
		wp_world_run(w, "ZADD " WP_P "expiry 9 " WP_BOB);
		wp_world_run(w, "ZADD " WP_P "index:" WP_BOB " 4 1-2");
		is_cut = run_cut(w, scene, text, n);
		expect_no_room_made(w, scene, n);
	}
	assert_in_range(n, 8, CALLS_MAX - 1);
	free(text);
}

/* A landing asks the index only about who is in expiry. */
static void who_is_in_the_index_is_in_expiry(void **state)
{
	static const struct scene scenes_between[] = {
		{ .name = "a look of the migration",
		  .script = WP_SCRIPT_PREPARE,
		  .setup = { ACCEPT(WP_BOB, "0", "1-2", "m--2") },
		  .args = "1:own 60000 " WP_BOB " token" },
		{ .name = "a trim",
		  .script = WP_SCRIPT_TRIM,
		  .setup = { ACCEPT(WP_BOB, "0", "1-2", "m--2") },
		  .args = WP_BOB " 0 0 0 1 0 1-1" },
		{ .name = "a sweep",
		  .script = WP_SCRIPT_SWEEP,
		  .setup = { ACCEPT(WP_BOB, "0", "1-2", "m--2") },
		  .args = "1:own 60000 100 1000 1000000 1000" },
		{ .name = "an ack",
		  .script = WP_SCRIPT_ACK,
		  .setup = { ACCEPT(WP_BOB, "0", "1-2", "m--2") },
		  .args = "run " WP_BOB " 1 1-1" },
	};

	for (size_t i = 0;
	     i < sizeof(scenes_between) / sizeof(scenes_between[0]); i++)
		play_between_the_two(*state, &scenes_between[i]);
}

#define WORLD_TEST(name)                                            \
	cmocka_unit_test_setup_teardown(name, wp_world_setup_hasty, \
					wp_world_teardown_hasty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_script_cut_anywhere_and_run_again_ends_the_same),
		cmocka_unit_test(no_script_that_writes_is_left_out),
		WORLD_TEST(
			a_cut_heartbeat_is_made_good_by_the_next_incarnation),
		WORLD_TEST(a_cut_send_is_settled_by_whoever_comes_next),
		WORLD_TEST(what_a_cut_route_call_has_left_counts_once),
		WORLD_TEST(what_a_cut_ack_has_left_is_taken_off_once),
		WORLD_TEST(who_is_in_the_index_is_in_expiry),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("script_cuts", tests, NULL, NULL);
}
