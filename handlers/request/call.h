/*
 * call.h - a request on its way through the handler of its endpoint. Each
 * handler has one function, wp_handle_<name>().
 *
 * A handler reads call->req, decides, and leaves a complete answer in
 * call->resp, at once or later. It writes nothing to the peer, and waits for
 * nothing: what takes its time goes on in a step, which is called when there is
 * an answer. A handler and each of its steps return
 *
 *	true   the answer is in call->resp
 *	false  later: another step follows, or wp_call_end(), exactly once
 *
 * Whoever asked may be gone meanwhile; the call goes on all the same.
 */
#ifndef WP_HANDLERS_REQUEST_CALL_H
#define WP_HANDLERS_REQUEST_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/limit/rates.h"
#include "lib/live/account_desk.h"
#include "lib/live/key_wait.h"
#include "lib/live/store_thread.h"

#include "handlers/request/backend.h"
#include "handlers/request/ctx.h"
#include "handlers/request/endpoints.h"
#include "handlers/request/req.h"
#include "handlers/request/resp.h"
#include "handlers/request/revoked.h"

struct wp_endpoint;

struct wp_call {
	struct wp_ctx *ctx;
	struct wp_req req;
	struct wp_resp resp;
	struct wp_identity caller; /* set, but for PROBE */
	struct wp_arena arena;
	struct wp_buf body;    /* of wp_call_read_json() */
	struct wp_buf scratch; /* the handler's */
	void *state;           /* the handler's, for its steps */
	/* Before state is forgotten: wipe what is secret in it. Or NULL */
	void (*wipe)(void *state);
	bool is_counted; /* what became of all that it sent */

	/* The rest is not the handlers'. */
	const struct wp_endpoint *endpoint; /* NULL: there is none */
	unsigned int methods;               /* that its path has */
	uint64_t start_us;
	enum wp_limit_class limit; /* of limit.c: as what it was charged */
	bool is_waiting;           /* counted in ctx->n_waiting */
	bool is_over;              /* wp_call_end() was called */
	/* Whose call it is. on_end: the answer has come later */
	void (*on_end)(struct wp_call *call);
	void *owner;
	struct wp_call *next;

	struct wp_judged judged;
	bool must_judge; /* whether the token was revoked is to be told yet */
	bool (*on_judged)(struct wp_call *call, bool is_let_in);
	struct wp_key_waiter key_waiter; /* for the caller's keys */

	struct wp_backend_guest guest;
	enum wp_line line;
	bool (*on_redis)(struct wp_call *call, bool is_up);

	struct wp_store_job job;
	enum wp_err (*in_store)(struct wp_call *call, struct wp_store *store,
				struct wp_error *err);
	bool (*on_store)(struct wp_call *call, enum wp_err result);

	struct wp_desk_job desk_job;
	enum wp_err (*at_desk)(struct wp_call *call,
			       struct wp_accounts *accounts,
			       struct wp_error *err);
	bool (*on_desk)(struct wp_call *call, enum wp_err result);
};

/*
 * NULL when out of memory.
 *
 * Ownership:  the caller's; end with wp_call_free()
 */
struct wp_call *wp_call_new(struct wp_ctx *ctx) WP_MUST_USE;
void wp_call_free(struct wp_call **call);
/* Ready for another request; keeps what memory a usual one needs. */
void wp_call_reset(struct wp_call *call);

#define WP_ENDPOINT_HANDLER(name, ...) \
	bool wp_handle_##name(struct wp_call *call);
WP_ENDPOINTS(WP_ENDPOINT_HANDLER)
#undef WP_ENDPOINT_HANDLER

/*
 * There are passwords, codes or tokens in this call: whatever memory it takes
 * is wiped when the call is over, and what its answer is written from as well.
 * The first thing that a handler does.
 */
void wp_call_be_secret(struct wp_call *call);

/* Later has come: the answer is in call->resp. Not before a step or handler
 * has returned false. */
void wp_call_end(struct wp_call *call);

/* Answer 401: the caller's token was revoked. */
void wp_call_revoked(struct wp_call *call);

/*
 * Go on when this line of Redis can be asked, or cannot now, which is logged.
 * The first time of a call the caller is judged before, if that is due: one
 * whose token was revoked finds it cannot be asked, and is answered 401.
 * Returns: what step returned; false when it will be called later
 */
bool wp_call_redis(struct wp_call *call, enum wp_line line,
		   bool (*step)(struct wp_call *call, bool is_up));

/*
 * Do something with the cold store on a thread of its own, then go on with what
 * came of it: WP_ERR_FULL when too much waits for it. Until then the call is
 * not to be touched. The caller is judged before, as by wp_call_redis().
 * Returns: as wp_call_redis()
 */
bool wp_call_store(struct wp_call *call,
		   enum wp_err (*run)(struct wp_call *call,
				      struct wp_store *store,
				      struct wp_error *err),
		   bool (*step)(struct wp_call *call, enum wp_err result));

/* The same on the account of somebody else than the caller. */
bool wp_call_store_of(struct wp_call *call, const struct wp_urn *who,
		      enum wp_err (*run)(struct wp_call *call,
					 struct wp_store *store,
					 struct wp_error *err),
		      bool (*step)(struct wp_call *call, enum wp_err result));

/*
 * Do something with accounts on a thread of the desk, after a slot of the hash
 * gate is had if it hashes, then go on with what came of it: WP_ERR_FULL when
 * too much waits for that. Until then the call is not to be touched.
 *
 * who:      on whose account
 * Returns:  as wp_call_redis()
 */
struct wp_call_work {
	const struct wp_urn *who; /* borrowed for the call */
	bool hashes;
	enum wp_err (*run)(struct wp_call *call, struct wp_accounts *accounts,
			   struct wp_error *err);
	bool (*step)(struct wp_call *call, enum wp_err result);
};
bool wp_call_desk(struct wp_call *call, const struct wp_call_work *work);

/*
 * What handlers with a JSON body do first: look at its type, read it into
 * call->body. False when call->resp holds the error.
 */
bool wp_call_read_json(struct wp_call *call, size_t max_bytes);
/* The same of a form: application/x-www-form-urlencoded. */
bool wp_call_read_form(struct wp_call *call, size_t max_bytes);

/* A thousand ids of an ack fit, with every character written as an escape. */
enum { WP_ACK_BODY_MAX = 256 * 1024 };
/* A payload of its longest, whatever its user and type look like. */
enum { WP_NOTIFY_BODY_MAX = 40 * 1024 };
/* What back ends order, but for that. */
enum { WP_ADMIN_BODY_MAX = 8 * 1024 };

/* A logout token of the longest, with every character of it escaped. */
enum { WP_LOGOUT_BODY_MAX = 32 * 1024 };

/* The most that any of them reads. */
size_t wp_call_body_max(const struct wp_conf *conf);

/*
 * Answer 400 for a body that was refused: invalid_json when it is no JSON at
 * all, else code.
 */
void wp_call_bad_body(struct wp_call *call, const char *code,
		      const char *sentence);

/* Elements of one request: a batch, or a list of users. */
enum { WP_GROUP_MAX = 100 };

/*
 * Bring together what lies in the same partition, so that one script call can
 * serve all of it: fill order with 0..n-1, sorted by partition; inside a
 * partition as given.
 *
 * partitions:  of each element, n <= WP_GROUP_MAX
 */
void wp_group(const uint32_t *partitions, size_t n, size_t *order);

/* How many elements from start on share a partition; start < n. */
size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n);

#endif /* WP_HANDLERS_REQUEST_CALL_H */
