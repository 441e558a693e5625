/*
 * members.h - between the files of lib/auth only: those members of a JSON
 * object that somebody wants, each of them once.
 */
#ifndef WP_LIB_AUTH_MEMBERS_H
#define WP_LIB_AUTH_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/json.h"

/* One member that is read, and its exact text once it has been found. */
struct wp_member {
	const char *name; /* NULL: of no interest */
	struct wp_json_slice raw;
	bool is_there;
};

/*
 * Note where they are, before any of them is interpreted. A name may be in the
 * list twice.
 *
 * Errors:  WP_ERR_INVAL     no JSON object
 *          WP_ERR_CONFLICT  one is there twice: whoever reads the other one
 *                           would see something else
 */
enum wp_err wp_members_find(const char *json, size_t len,
			    struct wp_member *members, size_t n) WP_MUST_USE;

/* The member as a string; false when it is something else, or not there. */
bool wp_member_string(const struct wp_member *member,
		      struct wp_json_slice *out);
/* Is it this string? */
bool wp_member_is(const struct wp_member *member, const char *text);

#endif /* WP_LIB_AUTH_MEMBERS_H */
