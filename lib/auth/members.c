/*
 * members.c - one walk over an object, which judges nothing but its form.
 */
#include "lib/auth/members.h"

enum wp_err wp_members_find(const char *json, size_t len,
			    struct wp_member *members, size_t n)
{
	struct wp_json_slice raw;
	struct wp_json_slice key;
	struct wp_json js;

	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_skip(&js, &raw))
			break;
		for (size_t i = 0; i < n; i++) {
			if (members[i].name == NULL ||
			    !wp_json_slice_is(&key, members[i].name))
				continue;
			if (members[i].is_there)
				return WP_ERR_CONFLICT;
			members[i].raw = raw;
			members[i].is_there = true;
		}
	}
	wp_json_end(&js);
	return js.err == NULL ? WP_OK : WP_ERR_INVAL;
}

bool wp_member_string(const struct wp_member *member, struct wp_json_slice *out)
{
	struct wp_json js;

	if (!member->is_there)
		return false;
	wp_json_init(&js, member->raw.data, member->raw.len);
	return wp_json_string(&js, out);
}

bool wp_member_is(const struct wp_member *member, const char *text)
{
	struct wp_json_slice slice;

	return wp_member_string(member, &slice) &&
	       wp_json_slice_is(&slice, text);
}
