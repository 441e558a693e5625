/*
 * entry.h - entries of ingress and hot queues (lib/mailbox/entry.h), written
 * and looked at by hand: words of commands for wp_world_run() and its kind, in
 * Lua without blanks. Nothing here is a format of printf.
 */
#ifndef WP_TESTS_SUPPORT_ENTRY_H
#define WP_TESTS_SUPPORT_ENTRY_H

#include "tests/support/world.h"

/* Far enough: nothing that is tested lives as long. */
#define WP_ALIVE "99999999999999"

/* In Lua: pack(urn, bits, envelope), field m of an entry; bits "1" for the
 * high band, "2" ephemeral. */
#define WP_LUA_PACK                                            \
	"local\tfunction\tpack(u,b,e)return\tstring.char(1,b," \
	"#u,0)..('r'):rep(8)..u..e\tend\t"

/* The same for the queue in `key`, whose name says for whom and which band. */
#define WP_LUA_PACK_HOT                                                     \
	WP_LUA_PACK                                                         \
	"local\tfunction\tpack_hot(key,flags,e)local\tmark,u=key:match("    \
	"':hot(!?):(.*)$')return\tpack(u,flags+(mark=='!'and\t1\tor\t0),e)" \
	"end\t"

/* Put an entry into a hot queue: flags "2" when it is ephemeral, else "0". */
#define WP_PUT_HOT(key, id, expires_ms, flags, envelope)                  \
	"EVAL " WP_LUA_PACK_HOT                                           \
	"return\tredis.call('XADD',KEYS[1],ARGV[1],'x',ARGV[2],'m',"      \
	"pack_hot(KEYS[1],ARGV[3],ARGV[4])) 1 " key " " id " " expires_ms \
	" " flags " " envelope

/* Put an entry into ingress. */
#define WP_PUT_INGRESS(key, id, urn, bits, expires_ms, envelope)        \
	"EVAL " WP_LUA_PACK                                             \
	"return\tredis.call('XADD',KEYS[1],ARGV[1],'x',ARGV[4],'m',"    \
	"pack(ARGV[2],ARGV[3],ARGV[5])) 1 " key " " id " " urn " " bits \
	" " expires_ms " " envelope

/* Parts of all entries of a stream, ids left out. */
#define WP_LUA_PARTS(first, last)                                           \
	"EVAL local\tt={}for\t_,x\tin\tipairs(redis.call('XRANGE',KEYS[1]," \
	"'-','+'))do\tlocal\tm=x[2][4]\tt[#t+1]=m:sub(" first "," last      \
	")end\treturn\tt 1 "
#define WP_ENVELOPES(key) WP_LUA_PARTS("13+m:byte(3)", "-1") key
#define WP_RECIPIENTS(key) WP_LUA_PARTS("13", "12+m:byte(3)") key

/* Add an entry to a call of send: text is its bits and its envelope, "0m1". */
void wp_test_add_entry(struct wp_cmd *cmd, const struct wp_box *to,
		       const char *text, size_t len);

#endif /* WP_TESTS_SUPPORT_ENTRY_H */
