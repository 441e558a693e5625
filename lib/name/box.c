/*
 * box.c - where the mailbox of a user is.
 *
 * The one place that knows how partitions are dealt out.
 */
#include "lib/name/box.h"

#include <assert.h>
#include <string.h>

#include "lib/base/crc32c.h"

/* As much as there is of the name, not the room for the longest one. */
static void set_name(struct wp_box *out, const struct wp_urn *user)
{
	out->len = user->len;
	memcpy(out->text, user->text, (size_t)user->len + 1);
}

void wp_box_of(struct wp_box *out, const struct wp_urn *user,
	       uint32_t partitions)
{
	assert(partitions > 0);
	out->partition = wp_crc32c(user->text, user->len) % partitions;
	set_name(out, user);
}

enum wp_err wp_box_reread(struct wp_box *out, uint32_t partition,
			  const char *text, size_t len)
{
	struct wp_urn user;
	enum wp_err rc = wp_urn_reread(&user, text, len);

	if (rc != WP_OK)
		return rc;
	out->partition = partition;
	set_name(out, &user);
	return WP_OK;
}
