/*
 * direct.h - which messages go to disk straight from ingress
 * (docs/architecture.md "Straight to disk"): what the router asks for and tells
 * before and after each call, and what is under way meanwhile.
 *
 * A part of the hot thread; it talks to neither Redis nor the store. Whatever
 * is forgotten here is in ingress still.
 */
#ifndef WP_WORKER_DIRECT_H
#define WP_WORKER_DIRECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/route.h"
#include "worker/handover.h"
#include "worker/worker.h"

struct wp_direct;

/* Borrows w. Free it also on error. */
enum wp_err wp_direct_new(struct wp_direct **out, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
void wp_direct_free(struct wp_direct **direct);

/*
 * Until when a partition should not be routed, for what is under way lands
 * soon, and what comes meanwhile goes together; 0: not at all.
 */
uint64_t wp_direct_hold_ms(const struct wp_direct *direct, uint32_t partition);

/* When wp_direct_hear() has to be called at the latest; UINT64_MAX: never. */
uint64_t wp_direct_next_ms(const struct wp_direct *direct);

/*
 * Complete what a route call asks of a partition: is_direct, from, names.
 * They are borrowed until wp_direct_tell().
 */
void wp_direct_ask(struct wp_direct *direct, const struct wp_owned *owned,
		   struct wp_route_ask *ask, uint64_t now_ms);

/*
 * What the call has answered; to be told of each that was asked. True when the
 * partition should be routed again although nothing may have come.
 */
bool wp_direct_tell(struct wp_direct *direct, const struct wp_owned *owned,
		    const struct wp_route_result *result, uint64_t now_ms);

/* There was no answer to what was asked of this partition. */
void wp_direct_tell_none(struct wp_direct *direct, uint32_t partition);

/*
 * Hear what became of what was under way, and give up waiting where that is too
 * long. on_news is told of each partition that it is about: is_empty when
 * nothing was left in its ingress and nothing is under way; else it should be
 * routed.
 */
void wp_direct_hear(struct wp_direct *direct, uint64_t now_ms,
		    void (*on_news)(void *ctx, uint32_t partition,
				    bool is_empty),
		    void *ctx);

/* Nothing is under way, as far as we know: the lease, or Redis, was lost. */
void wp_direct_forget(struct wp_direct *direct, uint32_t partition);
void wp_direct_forget_all(struct wp_direct *direct);

#endif /* WP_WORKER_DIRECT_H */
