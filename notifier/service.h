/*
 * service.h - what is told besides devices: a service of the operator's own has
 * a place in every mailbox, as if a device of its user were there, but no row
 * in the store.
 */
#ifndef WP_NOTIFIER_SERVICE_H
#define WP_NOTIFIER_SERVICE_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/push/kind.h"
#include "lib/store/push.h"

enum { WP_SERVICE_NAME_MAX = 22 };

/*
 * What stands for the id of a device: no id is written so. Pushes are named by
 * it and by what they are about, which is unique in a partition only, so it
 * says which.
 *
 * kind:  WP_PUSH_BUS or WP_PUSH_EVENT
 */
void wp_service_name(char out[WP_SERVICE_NAME_MAX + 1], enum wp_push_kind kind,
		     uint32_t partition);

/* Platforms of a user's devices; bits, private. Begins as 0. */
struct wp_platforms {
	unsigned int set;
};

/* One more device; what it has not said itself, its kind may tell. */
void wp_platforms_add(struct wp_platforms *platforms,
		      const struct wp_push_row *row);
/* Append them as a JSON array of names, sorted. */
void wp_platforms_write(const struct wp_platforms *platforms,
			struct wp_buf *out);

#endif /* WP_NOTIFIER_SERVICE_H */
