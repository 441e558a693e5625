/*
 * world.h - one mailbox partition with everything around it, for the tests of
 * lib/mailbox: a real Redis, a real SQLite store behind a spy, a lease, an open
 * gate, and one line per thing that a client, a worker or a daemon does.
 *
 * Envelopes are short names ("m1"): nothing behind the scanner reads them.
 */
#ifndef WP_TESTS_SUPPORT_WORLD_H
#define WP_TESTS_SUPPORT_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/mailbox/ack.h"
#include "lib/mailbox/migrate.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/presence.h"
#include "lib/mailbox/pull.h"
#include "lib/mailbox/route.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/submit.h"
#include "lib/redis/client.h"
#include "lib/store/backend.h"
#include "lib/sys/conf.h"

enum { WP_WORLD_PARTITION = 7 };
#define WP_P "wp:{7}:"
#define WP_BOB "urn:sm:user:bob"
#define WP_AMY "urn:sm:user:amy"

/*
 * A store that lets a test look at, stop or cut off every call of another one.
 * Operations are named after their functions: "version", "append", "ack",
 * "read".
 */
struct wp_spy {
	struct wp_store base; /* first: a spy is a store */
	struct wp_store *real;
	void (*on_call)(void *ctx, const char *operation); /* may be NULL */
	void *ctx;
	const char *refuse; /* this operation is UNAVAIL, nothing is done */
	const char *lose;   /* it is done, and its answer lost: UNAVAIL */
	unsigned int calls;
};

struct wp_world {
	struct wp_conf conf;
	struct wp_redis *redis;
	struct wp_spy spy;
	struct wp_store *store; /* &spy.base, what is under test uses */
	struct wp_cmd cmd;
	struct wp_urn bob;
	struct wp_box box;           /* bob's */
	unsigned int memory_percent; /* what sends are told */
	char owner[WP_OWNER_MAX + 1];
};

/* cmocka fixtures: everything empty, the lease held, the gate open. */
int wp_world_setup(void **state);
int wp_world_teardown(void **state);
/* The same for tens of thousands of calls, none of which has to survive
 * anything: Redis does not wait for its disk. */
int wp_world_setup_hasty(void **state);
int wp_world_teardown_hasty(void **state);

/* Send w->cmd; the answer is the caller's. Fails the test if none comes. */
struct wp_reply *wp_world_do(struct wp_world *w);
/* A command as printf text, its words separated by one blank. */
struct wp_reply *wp_world_cmd(struct wp_world *w, const char *fmt, ...)
	WP_PRINTF(2, 3);
/* The same, for its effect; fails the test on an error reply. */
void wp_world_run(struct wp_world *w, const char *fmt, ...) WP_PRINTF(2, 3);
/*
 * The words of a command that sets a user's record in cold: five (see
 * parts/cold_record.lua), "_" for the blanks between them.
 */
#define WP_WORLD_HINT(urn, record)                                 \
	"EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],(KEYS[3]:" \
	"gsub('_','\\32'))) 3 " WP_P "cold " urn " " record
/* What bob's record says that is on disk: "<version> <n> <bytes>". */
void wp_world_expect_told(struct wp_world *w, const char *want);
int64_t wp_world_int(struct wp_world *w, const char *fmt, ...) WP_PRINTF(2, 3);
/*
 * The answer written down equals want: integers and strings as they are, nil
 * is "-", an error "!" and its text, an array "[a b c]".
 */
void wp_world_expect(struct wp_world *w, const char *want, const char *fmt, ...)
	WP_PRINTF(3, 4);
/* Write an answer down like that; the caller frees the text. */
char *wp_world_show(const struct wp_reply *reply);

/* What one envelope is; zero means the usual. */
struct wp_world_mail {
	const char *json;
	const char *to; /* NULL: bob */
	enum wp_band band;
	bool is_ephemeral;
	int64_t expires_in_ms; /* 0: a day; less: it has expired already */
	const char *key;       /* idempotency key; NULL: none */
	uint32_t partition;    /* 0: WP_WORLD_PARTITION */
};
void wp_world_send(struct wp_world *w, const struct wp_world_mail *mails,
		   size_t n, struct wp_send_result *results);
/* Give it an idempotency key; its envelope, json and expiry are there. */
void wp_world_set_key(struct wp_submission *one, const char *key);
/* One mail that must be accepted. */
struct wp_msgid wp_world_post(struct wp_world *w, struct wp_world_mail mail);
/* The same in the standard band to bob, routed as well. */
struct wp_msgid wp_world_deliver(struct wp_world *w, const char *json);

/* A lease of the world's partition, by whoever says to have it. */
struct wp_lease wp_world_lease(const char *owner);
/* The same as one partition of a call of route.lua; change it at will. */
struct wp_route_ask wp_world_ask(const struct wp_world *w);
/* The answer to a call with this and nothing else; the caller's. */
struct wp_reply *wp_world_route_as(struct wp_world *w,
				   const struct wp_route_ask *ask);
struct wp_route_result wp_world_route(struct wp_world *w);
void wp_world_join(struct wp_world *w, const char *incarnation);
/* connection: "<incarnation>.<n>", of bob; returns pending. */
int64_t wp_world_connect(struct wp_world *w, const char *connection);
void wp_world_disconnect(struct wp_world *w, const char *connection);

/* Names on one page of bob's, blanks between, "+" behind when there is more. */
void wp_world_expect_page(struct wp_world *w, const char *want, size_t limit,
			  const struct wp_msgid *after);
void wp_world_expect_pull(struct wp_world *w, const char *want);
enum wp_err wp_world_ack(struct wp_world *w, const struct wp_msgid *ids,
			 size_t n);
/* An ack of one message that is answered 204. */
void wp_world_ack_one(struct wp_world *w, struct wp_msgid id);
/* Names in bob's cold store, high band first. */
void wp_world_expect_cold(struct wp_world *w, const char *want);

/* How a worker migrates here; the test may add hooks. */
struct wp_migrate_ctx wp_world_migration(struct wp_world *w);
/* Turn by turn until nothing is left of one user. */
enum wp_err wp_world_move(const struct wp_migrate_ctx *ctx, const char *owner,
			  const struct wp_box *box, int64_t *moved_out);
enum wp_err wp_world_migrate(struct wp_world *w, int64_t *moved_out);

/* Another store on the same data, for a second worker. Close it. */
struct wp_store *wp_world_open_store(struct wp_world *w);

#endif /* WP_TESTS_SUPPORT_WORLD_H */
