/*
 * new_device.h - from what a client says of a device to what the store keeps of
 * it: which kind it is, whether that is offered here, and for which app.
 *
 * Pure: knows no request and does no I/O.
 */
#ifndef WP_HANDLERS_DEVICES_NEW_DEVICE_H
#define WP_HANDLERS_DEVICES_NEW_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/push/device.h"
#include "lib/store/push.h"
#include "lib/sys/conf.h"

#include "handlers/request/push.h"

/* Kinds in the store, besides those of lib/push/kind.h: a page that no provider
 * knows. */
#define WP_PUSH_PAGE "web"

/* What is offered here, and who asks. Borrowed. */
struct wp_new_device_setup {
	const struct wp_push *push;
	const struct wp_conf *conf;
	const struct wp_identity *caller;
	struct wp_arena *arena;
};

struct wp_new_device {
	struct wp_push_device says; /* texts in the arena */
	const char *kind;
	const char *app; /* "" where the kind has none */
	struct wp_push_row row;
	struct wp_push_owners owners;
};

/* How a device is refused: what wp_resp_error() needs. */
struct wp_device_fault {
	unsigned int status;
	const char *code;
	char sentence[256];
};

/*
 * Which kind and app is meant by what out->says says, and is it whole?
 *
 * Returns:  false when fault says why not
 */
bool wp_new_device_settle(struct wp_new_device *out,
			  const struct wp_new_device_setup *setup,
			  struct wp_device_fault *fault);

/*
 * Fill in the row and whom it ends with; out is settled.
 *
 * Errors: WP_ERR_NOMEM
 */
enum wp_err
wp_new_device_seal(struct wp_new_device *out,
		   const struct wp_new_device_setup *setup) WP_MUST_USE;

/* Must a code come back before it is told anything? out is settled. */
bool wp_new_device_must_verify(const struct wp_new_device *device);

/* The name of its token in the store; out is settled. */
void wp_new_device_name(const struct wp_new_device *device,
			const struct wp_new_device_setup *setup,
			uint8_t out[WP_PUSH_TOK_LEN]);

#endif /* WP_HANDLERS_DEVICES_NEW_DEVICE_H */
